"""Plain words that a sentence may begin with, so that their capital there makes no name of them.

Words that stand in small letters in several of some 3,000 English texts (reports, articles, manuals), and everyday words added
by hand. Forms that their ending shows to be plain (plurals, -ing, -ly, -tion and the like) are told by `is_plain` instead.
"""

from __future__ import annotations

import re

_PLAIN_ENDING = re.compile(
    r"(?:s|ing|ed|ly|tion|sion|ment|ness|ity|ance|ence|ship|hood|ncy|able|ible|ous|ive|ful|less|ism)\Z"
)


def is_plain(word: str) -> bool:
    """Tell whether a word in small letters is a plain word rather than a name.

    >>> [is_plain(word) for word in ("revenue", "turbines", "siemens", "vestas", "oslo")]
    [True, True, True, True, False]

    Names that end like a plural pass for plain: they go unchecked where they begin a sentence, which is better than to mark
    every plural.
    """
    return len(word) <= 2 or word in _WORDS or bool(_PLAIN_ENDING.search(word))


_WORDS = frozenset(
    """
about above abroad abstract abuse academic accelerate accelerator accept accommodate accomplish account accumulate
accuracy accurate achieve acid acquire act activate actor actual acute adapt add additional adequate adjacent adjust
administer admission adopt adult advantage adverse advice advisor affect after afternoon again against age agent ago
agree agricultural agriculture aground ahead aid aim aircraft airport album alert algae algorithm align all allocate
allow almost alone along alongside alphabet already also alter alternate although altitude among amongst amount
analog analytic analytical analyze anchor ancient and angle annual another answer anticipate any anymore anyone
anywhere apart app apparent appeal appear apple approach appropriate approval approve arbitrary architectural
architecture archival are area arise arithmetic arm armor army around array arrest arrival art article artist
artistic ash ask aspect asphalt assault assemble asset assign assist assistant associate assume assure asthma
atmosphere atmospheric attack attempt attendance attract audit auditor author auto automate automatic autumn
auxiliary average avoid award aware away back backend background backlog bacteria bad bag baggage baking ballet
ballot ban bandwidth bank barley base basic bathroom battery battle beach beam bean bear beat became because become
bedroom bee beech beef been beer before began begin begun behalf behavior behavioral behind believe belong below
beneficial benefit best better between beyond bicycle big bigger biggest bill billion bin binary biological birch
bird black block blog blood blue board boat body boiler bold bond bone bonus border boring born borrow borrower both
bottom bound boundary bow brain brake branch brand breach bread break breakfast breeding brick bridge brief broad
broader broke broken brother brought brown browser budget build builder built bulk burden but butter buy buyer
cabbage cable calculate call came camera campaign camping can cancer candidate cannot cap capital capitalize capture
car carbon card care career cargo carrot carry case cast castle cat catalog catastrophic category cattle caught
cause cell center central centre century certain chain chair chairman chairwoman challenge chamber change channel
chapter character charge charger chart chat check cheese chemical cherry chicken child childcare children chocolate
choice choose chosen chronic church cinema circular citizen civil civilian claim classic classical classify clause
clay clean cleaner cleanup clear clearer clever client climate climbing clinic clinical clock close closer closure
club coach coal coalition coast coastal code coffee cold collaborate collapse collect college colony color combat
come command commander commerce commercial commit common communicate companion company compile complain complaint
complete complex component compose compost compound compressor comprise compromise computational compute computer
concept concern concrete concurrency concurrent condenser conduct confidential conflict connect conquest consent
consider consistency consistent consolidate constant consult consume consumer contact contain content context
continue contract contractor contrast contribute contributory control conventional convert cooking coordinate copper
copy coral core corn corporate correct cost cotton could council count counter country couple course court cover cow
create credential credit creditor crew crime criminal criteria criterion critic critical crop crucial cryptic
cryptographic cubic cultivate cultural culture currency current curriculum customary customer customize cut cutoff
cyber cybercrime cycle cycling cylinder daily damage dancing dark darker dashboard data database dataset date
daughter day dead deadline deal dealt death debt debut decade decide deck decline decrease deep deeper defect defend
defense defenseman deficit define degrade degree delay deliberate delicate deliver delivery demand demo democracy
democratic demographic demonstrate dental deny depend dependent deploy deposit depth descendant descent describe
design despite destroy detail detect deter determine deterministic develop device diagram dialect dialogue did
diesel diet differ different difficult difficulty digit digital digitize dinner dioxide direct director disaster
disc disclosure discover discovery discrete disease dismantle dispatch disposal dispose disregard disrupt distinct
distribute diverse divide dividend doctor dog dollar domain domestic done donor door dose double dough down download
downward dozen draft drain draw drawing dream drilling drinking driven driver drought drove drug dry dual due duty
dynamic each earlier earliest earn earthquake ease easier easy eat economic economy ecosystem edge educate
educational effect efficiency efficient effort eight either elderly electric electronic eliminate else elsewhere
email embrace emergency emit emphasize employ employee employer empower empty encourage end endorse energy enforce
engage engine engineer enough enroll enrollment enrolment ensure enter entire entry envelope environ environmental
equal equip equity equivalent erase error escape essential est establish estate estimate etc ethnic evaluate even
event ever every everyone evolve exact examine example excellent except exceptional exchange excuse execute exercise
exhaust exist exit expand expense experimental expert expertise expire explain exploit explore export expose
exposure extend extent external extra extract extreme facet facilitate fact factor factory fail fair faith fall
familiar fan fancy far farm farmer farming fast faster fastest fatal father fault favor favorite favour fear feature
federal fee feedback feel feet fell fellow felt ferry feudal fever few fewer field fifth fifty fight fill film fin
final finalize financial find fine finish finite fire firmware first fiscal fish fishing fit fix flat fleet flight
flood floor flour flow flower fluid fold follow font food foot football footprint for force foreign forest forever
form formal format former formula forth forum forward fossil foster fought found foundational four fourth frame
framework franchise fraud free freedom freeze freight frequency frequent friend from front fruit fuel fulfill full
fun functional fundamental furniture further future gain galaxy gallery game gameplay gang gap garden gardening
garrison gate gather gauge gave gearbox gen gender gene general generate geographic geospatial get given global glue
goal goaltender gold gone good got govern government grade gradient grandchildren grant granular grape graph gray
great greater greatest green greenhouse grew grid ground groundwater group grow growth guarantee guard guest guid
guide gun habitat had half hand handle happen harbour hard harder hardest hardware harm harvest harvesting have head
headache health healthcare healthy hear heard heart heat heavy height held helium hell help her here herein hidden
hide hierarchical hierarchy high higher highest highlight highway hiking hill him himself hire historic historical
history hit hold home homework honesty honey honor hope horizon horizontal horse hospital host hot hotel hour hourly
house household how however huge hull human humidity hunting husband hybrid hydrogen ice idea ideal ident identify
idiom ignore illegal illicit illustrate image immediate impact impede import important impose improper improve
inadequate inappropriate inbound incentivize inch incident incidental include income incorporate increase
incremental index indicate indicator indirect individual indoor industrial industry inefficient infinite inflation
inform informational infrastructure inhabitant inherent initial initiate injury ink inline inner innocent input
insect inside insist inspect install instead institute institutional intact integer integral integrate intellectual
intent intentional interact interagency intercept interest interim interior internal international interpret into
introduce inventory invest investor invoice involve iron ironclad island issue item itself jam jewellery job join
joint journey judge junk jury just justice keep kept key keyboard kidney kill kind kitchen know knowledge known
label labor lack laid lake land landlord landscape laptop large larger largest last late latent later latest latter
launch lava law lawyer layer lead leader leaf leaflet league leak leakage leap learn lease least leather leave left
legacy legitimate lemon lender length lesser lesson let letter lettuce level leverage library lieu life lifecycle
lifespan lifetime light like limit line lineage linear linen link linkage list listen lit literacy literal lithium
little liver load loaf loan local locate log logarithmic logging logical logistics long longer look loop lorry lose
lost lot love low lower lowest luggage lunch lung machine machinery made magazine magnitude mail main maintain maize
major make man manage manager mandate mandatory manner manufacture manufacturer many map maple margin maritime mark
market marketplace mask maskray match material mathematical matter maximize maximum may mayor mean meant meantime
measure meat mechanical media medical medicine medium meet member memory men mental merge message met metadata metal
methane method methodology metric mid middle midnight midpoint might mild mile military milk milking million min
mind mine minimize minimum mining minister ministry minor minute mirror mitigate mix mobile model moderate modern
modernize modify modular module monetary money monitor month moon more mortgage most mother motor mould mount
mountain mouse move movie much multi multiple municipal muscle museum music must mutual name narrow nationwide
natural nature nausea naval navigate navy near nearby necessary negotiate neighbour neither net network neutral
never new newer newspaper next night nine nitrogen nobody non noon nor normal northern not note notice novel now
nuclear number nurse nursery nutrient nylon oak oats observatory obsolete obtain occasional occupational occur ocean
off offer official often ofthe oil old older oldest once one onion online onto open opener oper opera operate
operational operator oppor opposite opposition optimal optimistic optimize order ordinary organizational origin
original other otherwise our out outbound outcome outer outline output outreach outside over overall overcome
overdue overlap oversee oversight overtime overview own owner oxygen pace packaging pad page paid pain paint painter
painting pair pandemic paper parallel parcel parent parliament part partial participant participate particular
particulate partner party passenger password past patch path pathway patient pattern pause pay payroll pdf pea peace
pear peer pen penalty people pepper per percent perform period permanent permit persistent person personal personnel
pesticide petrol phase phone photograph photography phrase physical pick picture piece pig pilot pin pine pipe
pipeline piston pivot place plain plane planet plant planting plastic platform play player playoff plot plug plum
plural poem poet poetry point pol police policy political pollutant polygon polynomial pool poor pop popular pork
port portal portfolio pose post postsecondary potato potent potential poverty power practical practice pre precise
predecessor premium prepare present preserve pressure prevent preview price primary prime principal principle
printer prior prioritize prison privacy private pro probabilistic problem problematic produce producer product
professional profile profit program programmatic project prominent promise promote prompt proof proper property
proposal protect protein proud prove proven provide provider public publish publisher pull pump pupil purchase pure
purpose pursue pursuit push put quadratic qualify quantum quarry quarter quarterly quick quicksort quite quote race
racial radiological railroad railway rain rainfall raise ran random range rank rapid rare rate rather ratio reach
read reading ready real realistic realm reason rebuild rec receipt recent recipient recognize recommend record
recover recovery recruit rectangular recycle recycling redact redefine redirect reduce redundancy redundant refer
referee refine reflect reform refusal refuse regard region regional register regular regulatory reimagine reinforce
reject rel release relevant religion remain remainder remedy remember remote removal remove render renew rent rep
repair replace report repository represent request require research researcher reserve reservoir reshape resident
residential resiliency resilient resolve resort resource respect respond responder response rest restaurant restore
restrict result retain retrieve return reuse revenue reverse review revise revisit rice rich rid ride right rise
risk river road roadmap robust rocket role roll roof room root roster rotary rotate round route row royal rubber
rubric rudimentary rule run runner rural rye safe safeguard safer safest safety said sailing sailor sake salary salt
same sample sand satellite save saw say scale scanner scenario schedule scholarship school scientific scientist
scope score scratch screen script sculpture sea search season seat second secondary secret sector secure see seek
seen select self sell seller sem semi senate send senior sense sent separate ser serve server service set settle
setup seven several severe sewage sexual shadow shall shallow shape share shareholder shark she shearing sheep shell
shield shift shipping shop short shorter shot should show shown shrimp shut side sign significant silk silver
similar simple simpler simplest simplify since singer singing single sink sister sit site situational six size
skiing skill skin slaughter sleep slip slow small smaller smallest smart smarter smooth snake snow snowfall social
society socioeconomic soft software soil solar sold solid solve some somewhat somewhere son song soon sort sound
source sourdough south southern soy space span speak special specific spectator spectrum speech spend spent spider
spirit split spoken sponsor spot spread squad square stack staff stage stakeholder stamp stand standard star start
starter state static stationary statistical statutory stay steal steam steel steer stem step still stolen stone
stood stop storage store storm stormwater story straight strat strategy streak stream streamline street strength
strengthen stretch strict strip stroke strong stronger strongest structural structure student study style sub
subject submit subscription subsequent subset subsidy substantial subtitle successor such suffer sufficient sugar
suggest suite sum summary summer sun sunshine super supermarket supersede supper supplemental supplier support
supportthe sure surface surge surgeon surgery surgical suspect sustain swimming switch symbol symmetric synthesize
synthetic system systematic systemic tablet tackle tail tailor take taken tal talent talk target tariff task taught
tax taxpayer tea teacher team technical technological technology telescope telework tell temperature template
temporary ten tenant tend term territorial terrorist test text than thank that the theatre theft their them theme
then theoretical theory there thereby therefore thermodynamic these they thick thin think third thorough those
though thought thousand threat threaten three through throughout throughoutthe ticket tier tile time timeline tip
title today together told toll tomato ton tone toner tonight too took tool top total tourist toward tower town toxic
track trade traditional traffic train trainer tram transfer transform transit translate transmit transnational
transparency transparent transport travel traveller treasurer treat treaty tree trillion trio trip triple trouble
truck trunk trust truth tunnel turbine turn turnover twenty twice two type typical tyre ultimate unclear under
undermine understand understood unemployment unequal uni uniform union unique unit universal unk unknown unlike
unnecessary unofficial unsafe until unusual update upgrade upon upper urgent usage use user usual utilize vaccine
vacuum validate valley value valve van variant variety varnish vary vast vehicle vendor venture verify vertical very
veteran veterinary via vibrant victim victory video view violate virtual visit visitor vital voice volatile volcanic
volcano volume voluntary von vote voter wage wait wake walk wall want war warehouse warm warn warrant waste
wastewater watch water way wealthy weapon weather web website week weekly weight welcome welfare well went were
whale what whatever wheat wheel when whenever where wherever whether which while white who whole whom whose why wide
widespread width wife will win wind window wine winner winter wire wish with withdraw within without woman women won
wood wooden wool word work worker workforce workload workplace world worldwide worse worst worth would write writer
writing written wrong wrote www year yeast yet yield you young your youth zero
""".split()
)
