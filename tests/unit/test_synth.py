"""Generated runs: the same bytes for the same arguments, whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from transforms.errors import FolderNotWritable
from transforms.run import open_run
from transforms.synth import InvalidSynthesis, RunAlreadyExists, generate_run, writer
from transforms.synth.population import build_population

RUN_ID = "20260301070000"


def _digests(run: Path) -> dict[str, str]:
    return {
        path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    "size", [(24, 1, 12), (16, 2, 9), (1, 1, 1)], ids=["default", "two-metrics", "smallest"]
)
def test_same_arguments_give_the_same_bytes(size: tuple[int, int, int], tmp_path: Path) -> None:
    facilities, metrics, months = size
    first, second = (
        generate_run(tmp_path / name, facilities=facilities, metrics=metrics, months=months)
        for name in ("first", "second")
    )
    assert _digests(first) == _digests(second)


def test_bytes_are_those_of_every_other_machine(tmp_path: Path) -> None:
    """The digest of a small run; it changes only when the generator is meant to write something else."""
    digests = json.dumps(_digests(generate_run(tmp_path, facilities=16, months=7, seed=5)), sort_keys=True)
    assert hashlib.sha256(digests.encode()).hexdigest() == PINNED


PINNED = "021eef97ba8b4bc834b05c295351201dd4f1324ace02ca32fb171581a64b46de"


def test_another_seed_gives_other_values_in_the_same_shape(tmp_path: Path) -> None:
    first, second = (
        generate_run(tmp_path / str(seed), facilities=16, months=6, seed=seed) for seed in (1, 2)
    )
    node = "results/nodes/losIndex__medicareId__aggregate_time_period.jsonl"
    assert (first / "graph.json").read_bytes() == (second / "graph.json").read_bytes()
    assert (first / node).read_bytes() != (second / node).read_bytes()


def test_run_id_and_graph_name_change_no_value(tmp_path: Path) -> None:
    first = generate_run(tmp_path, facilities=16, months=6)
    second = generate_run(tmp_path, facilities=16, months=6, graph_name="other", run_id="20260401083000")
    assert second == tmp_path / "other" / "20260401083000"
    for path in (first / "results" / "nodes").iterdir():
        assert path.read_bytes() == (second / "results" / "nodes" / path.name).read_bytes()


def test_metrics_are_independent_of_how_many_there_are(tmp_path: Path) -> None:
    one, three = (
        generate_run(tmp_path / str(count), facilities=16, months=6, metrics=count) for count in (1, 3)
    )
    node = "results/nodes/losIndex__medicareId_vizientServiceLine__dischargeMonth.jsonl"
    assert (one / node).read_bytes() == (three / node).read_bytes()


def test_the_run_opens_under_its_name(tmp_path: Path) -> None:
    run = open_run(generate_run(tmp_path, facilities=2, months=2, graph_name="house.v2"))
    assert run.run_key == f"house.v2/{RUN_ID}"


def test_progress_counts_every_node(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    generate_run(tmp_path, facilities=2, metrics=2, months=2, on_progress=lambda *step: heard.append(step))
    assert [done for _, done, _ in heard] == list(range(2, 17, 2))
    assert {total for _, _, total in heard} == {16}


def test_an_existing_run_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    run = generate_run(tmp_path, facilities=2, months=2)
    before = _digests(run)
    with pytest.raises(RunAlreadyExists, match="not empty") as caught:
        generate_run(tmp_path, facilities=3, months=2)
    assert caught.value.path == run
    assert caught.value.exit_code == 2
    assert _digests(run) == before


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    target = tmp_path / "synthetic" / RUN_ID
    target.mkdir(parents=True)
    assert (generate_run(tmp_path, facilities=2, months=2) / "graph.json").is_file()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(name: str, done: int, total: int) -> None:
        raise OSError("disk full")

    with pytest.raises(FolderNotWritable, match="disk full"):
        generate_run(tmp_path, facilities=2, months=2, on_progress=fail)
    assert list((tmp_path / "synthetic").iterdir()) == []


def test_a_file_in_the_place_of_the_run_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.write_text("not a directory")
    with pytest.raises(RunAlreadyExists), writer.new_run_directory(target):
        raise AssertionError("nothing may be written")
    assert target.read_text() == "not a directory"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"facilities": 0}, "facilities"),
        ({"metrics": 0}, "metrics"),
        ({"months": -1}, "months"),
        ({"graph_name": "../elsewhere"}, "graph_name"),
        ({"graph_name": "insight_graph"}, "graph_name"),
        ({"graph_name": ""}, "graph_name"),
        ({"run_id": "2026"}, "run_id"),
        ({"run_id": "20261301000000"}, "run_id"),
    ],
)
def test_arguments_that_describe_no_run_are_refused(
    arguments: dict[str, str | int], argument: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSynthesis) as caught:
        generate_run(tmp_path, **arguments)  # type: ignore[arg-type]
    assert caught.value.argument == argument
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("facilities", [3, 12, 24, 118])
def test_dimension_values_grow_with_facilities(facilities: int) -> None:
    population = build_population(0, facilities, 12)
    assert len(population.facilities) == facilities
    assert len({facility.id for facility in population.facilities}) == facilities
    assert len({facility.name for facility in population.facilities}) == facilities
    total = sum(len(entities) for entities in population.entities.values())
    assert total <= facilities * 45
    if facilities == 118:
        assert 4500 <= total <= 5500


def test_a_default_run_is_small(tmp_path: Path) -> None:
    run = generate_run(tmp_path)
    assert sum(path.stat().st_size for path in run.rglob("*") if path.is_file()) < 3_000_000
