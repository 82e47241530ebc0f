"""What a Spark session did: its jobs, and the plans of its queries, from Spark's own status store.

The store is kept with Spark's pages off too, so that reading it costs the measured job nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pyspark.sql import SparkSession

NUMBER = re.compile(r" \(\d+\)$", re.MULTILINE)  # of an operator in its plan


def call_jobs(spark: SparkSession, name: str) -> None:
    """Jobs that this thread begins from now on are shown by this name."""
    spark.sparkContext.setJobDescription(name)


def jobs_begun(spark: SparkSession) -> int:
    """The id of the next job: what `work_since` counts from."""
    return max((job.jobId() for job in _jobs(spark)), default=-1) + 1


def work_since(spark: SparkSession, first_job: int) -> dict[str, Any]:
    """Jobs from that id on, in order, and the plan of every query that ran one.

    `jobs`: id, name (see `call_jobs`), stages, tasks, ms. `plans`: the query's jobs, its ms, and
    its physical plan as a tree, without the operators' arguments.
    """
    jobs = sorted((job for job in _jobs(spark) if job.jobId() >= first_job), key=_id)
    return {
        "jobs": [
            {
                "id": job.jobId(),
                "name": job.description().get() if job.description().isDefined() else "",
                "stages": job.stageIds().size() - job.numSkippedStages(),
                "tasks": job.numCompletedTasks(),
                "ms": job.completionTime().get().getTime() - job.submissionTime().get().getTime(),
            }
            for job in jobs
        ],
        "plans": _plans(spark, {job.jobId() for job in jobs}),
    }


def shown(work: dict[str, Any]) -> list[str]:
    """As Markdown: a table of the jobs and the trees, folded until one looks."""
    jobs = work["jobs"]
    counted = f"{len(jobs)} Spark jobs, {_sum(jobs, 'stages')} stages, {_sum(jobs, 'tasks')} tasks"
    lines = [
        "<details>",
        f"<summary>The bare job in its last round: {counted}, and their plans</summary>",
        "",
        "| job | for | stages | tasks | ms |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    for job in jobs:
        cells = (job["id"], job["name"], job["stages"], job["tasks"], f"{job['ms']:,}")
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    names = {job["id"]: job["name"] for job in jobs}
    known: dict[str, str] = {}
    for plan in work["plans"]:
        title = ", ".join(f"{number} ({names[number]})" for number in plan["jobs"])
        tree = _folded(plan["tree"].splitlines(), known, title)
        lines += ["", f"Job {title}, {plan['ms']:,} ms:", "", "```", *tree, "```"]
    return [*lines, "", "</details>", ""]


def _jobs(spark: SparkSession) -> Iterable[Any]:
    found = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
    return [found.apply(number) for number in range(found.size())]


def _plans(spark: SparkSession, wanted: set[int]) -> list[dict[str, Any]]:
    found = spark._jsparkSession.sharedState().statusStore().executionsList()
    plans = []
    for number in range(found.size()):
        query = found.apply(number)
        keys = query.jobs().keys().toSeq()
        ids = sorted(int(keys.apply(index)) for index in range(keys.size()))
        if not wanted.intersection(ids):
            continue
        ended = query.completionTime()
        ms = ended.get().getTime() - query.submissionTime() if ended.isDefined() else 0
        plans.append({"jobs": ids, "ms": ms, "tree": _tree(query.physicalPlanDescription())})
    return plans


def _tree(described: str) -> str:
    """Of a formatted plan the tree: it ends at the first empty line."""
    return described.removeprefix("== Physical Plan ==\n").partition("\n\n")[0].rstrip()


def _folded(tree: list[str], known: dict[str, str], title: str) -> list[str]:
    """The tree with every cached frame told only where it appears first; `known` is where."""
    told: list[str] = []
    number = 0
    while number < len(tree):
        line = tree[number]
        told.append(line)
        number += 1
        if "InMemoryRelation" not in line:
            continue
        depth = _depth(line)
        end = next((n for n in range(number, len(tree)) if _depth(tree[n]) <= depth), len(tree))
        frame = "\n".join(NUMBER.sub("", one[depth:]) for one in tree[number:end])
        if frame in known:
            beside = line[:depth].replace("+-", "  ")
            told.append(f"{beside}   +- (cached: see job {known[frame]})")
            number = end
        else:
            known[frame] = title
    return told


def _depth(line: str) -> int:
    """Where a plan's operator begins, past the lines that lead to it."""
    return len(line) - len(line.lstrip(" :+-"))


def _sum(jobs: Iterable[dict[str, Any]], name: str) -> int:
    return sum(job[name] for job in jobs)


def _id(job: Any) -> int:
    return int(job.jobId())
