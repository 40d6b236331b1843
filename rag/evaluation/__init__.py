"""`evaluate()`: how a search does on labelled questions, and what would make it do better.

pool = gather(bench, "board questions")            # searches every question once
rescore(pool, options).figures["ndcg@10"]          # every slider from here on is arithmetic
recommend(pool, options).sentence                  # a threshold, or why the labels carry none
"""

from rag.evaluation.answers import AnswerPlan, plan_answers, resume_answers, start_answers
from rag.evaluation.choosing import sweep_table
from rag.evaluation.comparing import Comparison, HitChange, QuestionChange, compare
from rag.evaluation.gaps import Gap, gaps, settle_gap
from rag.evaluation.gathering import evaluate, gather
from rag.evaluation.grid import Setting, SweepGrid
from rag.evaluation.importing import Imported, import_qrels, import_questions
from rag.evaluation.labels import FoundAgain, evidence_of, evidence_states, find_again, label_question, states_of
from rag.evaluation.mapping import CollectionMap, map_collection, project_question, umap_is_installed
from rag.evaluation.measures import ANSWER_MEASURES, MEASURES, Measure
from rag.evaluation.nearly import NearMiss, Remedy, near_misses
from rag.evaluation.pairing import Pair, changes, pairs
from rag.evaluation.pool import Pool
from rag.evaluation.running import keep_run
from rag.evaluation.scoring import Evaluation, rescore
from rag.evaluation.suggesting import Suggested, SuggestionPlan, plan_suggestions, start_suggestions
from rag.evaluation.sweeping import SweepPlan, SweepResult, plan_sweep, resume_sweep, start_sweep, sweep_result
from rag.evaluation.tables import to_csv, to_jsonl
from rag.evaluation.threshold import Curve, Recommendation, recommend
from rag.store.feedback import Feedback
from rag.store.question_sets import QuestionSets, new_question
from rag.store.runs import Runs, Sweep

__all__ = [
    "ANSWER_MEASURES",
    "MEASURES",
    "AnswerPlan",
    "CollectionMap",
    "Comparison",
    "Curve",
    "Evaluation",
    "Feedback",
    "FoundAgain",
    "Gap",
    "HitChange",
    "Imported",
    "Measure",
    "NearMiss",
    "Pair",
    "Pool",
    "QuestionChange",
    "QuestionSets",
    "Recommendation",
    "Remedy",
    "Runs",
    "Setting",
    "Suggested",
    "SuggestionPlan",
    "Sweep",
    "SweepGrid",
    "SweepPlan",
    "SweepResult",
    "changes",
    "compare",
    "evaluate",
    "evidence_of",
    "evidence_states",
    "find_again",
    "gaps",
    "gather",
    "import_qrels",
    "import_questions",
    "keep_run",
    "label_question",
    "map_collection",
    "near_misses",
    "new_question",
    "pairs",
    "plan_answers",
    "plan_suggestions",
    "plan_sweep",
    "project_question",
    "recommend",
    "rescore",
    "resume_answers",
    "resume_sweep",
    "settle_gap",
    "start_answers",
    "start_suggestions",
    "start_sweep",
    "states_of",
    "sweep_result",
    "sweep_table",
    "to_csv",
    "to_jsonl",
    "umap_is_installed",
]
