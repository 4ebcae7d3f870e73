"""The benchmark of quality: what it measures, keeps and says."""

import json
import re

import numpy as np
import pytest

from infra.lab.datasets import DATASETS, at_hand
from infra.lab.quality import __main__ as command
from infra.lab.quality import cells, learners, refinement, sample, write_up
from infra.lab.quality.learners import EXISTING, LEARNERS, OURS
from infra.lab.quality.rmsprop import ExistingBackend
from infra.lab.quality.scoring import (
    bounded,
    calibration_error,
    calibration_error_by_chance,
    measure,
)
from infra.lab.quality.verdicts import MISSED, NEARLY, REACHED, compare, judge


def run(cache, *arguments):
    """Run the command on one small dataset with two cheap learners."""
    small = ["--parts", "datasets", "--only", "rows-50", "--learners", "majority", "logistic"]
    return command.main([*small, "--repeats", "2", "--cache", str(cache), *arguments])


def made_up(learner, repeat, dataset="rows-1000", bins=((10, 2, 2),), **measures):
    """Return a cell as if it had been measured."""
    likely = {"log_loss": 0.3, "auc": 0.8, "f1": 0.9, "bins": [bins]}
    return {"dataset": dataset, "learner": learner, "repeat": repeat, **likely, **measures}


# the command -------------------------------------------------------------------------------------


def test_each_cell_is_told_of_and_kept(tmp_path, capsys):
    assert run(tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["rows-50", learner, f"{repeat}/2"]
        for learner in ("majority", "logistic")
        for repeat in (1, 2)
    ]
    kept = [json.loads(line) for line in (tmp_path / "quality.jsonl").read_text().splitlines()]
    assert [(cell["learner"], cell["repeat"]) for cell in kept] == [
        ("majority", 0),
        ("majority", 1),
        ("logistic", 0),
        ("logistic", 1),
    ]
    assert kept[0]["auc"] == 0.5
    assert 0 < kept[2]["log_loss"] < 1
    assert kept[2]["setting"] in LEARNERS["logistic"].grid(50)


def test_nothing_is_measured_twice(tmp_path, capsys):
    run(tmp_path)
    before = (tmp_path / "quality.jsonl").read_text()
    capsys.readouterr()
    run(tmp_path)
    assert capsys.readouterr().out == ""
    assert (tmp_path / "quality.jsonl").read_text() == before


def test_a_stopped_run_goes_on(tmp_path, capsys):
    run(tmp_path)
    kept = (tmp_path / "quality.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "quality.jsonl").write_text("".join(kept[:3]))
    capsys.readouterr()
    run(tmp_path)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:3] == ["rows-50", "logistic", "2/2"]


def test_stopping_is_no_accident(tmp_path, monkeypatch, capsys):
    def stop(jobs, n_processes):
        raise KeyboardInterrupt

    monkeypatch.setattr(cells, "run", stop)
    assert run(tmp_path) == 130
    assert "goes on from here" in capsys.readouterr().out


def test_a_changed_learner_is_measured_anew(tmp_path, capsys, monkeypatch):
    run(tmp_path)
    capsys.readouterr()
    changed = learners.Learner(LEARNERS["logistic"].make, lambda n_rows: [{"C": 0.5}])
    monkeypatch.setitem(LEARNERS, "logistic", changed)
    run(tmp_path)
    assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {"logistic"}
    valid = cells.by_dataset(tmp_path / "quality.jsonl", ["rows-50"], ["majority", "logistic"])
    assert [cell["setting"] for cell in valid["rows-50"] if cell["learner"] == "logistic"] == [
        {"C": 0.5}
    ] * 2


def test_several_processes_measure_the_same(tmp_path):
    run(tmp_path / "one")
    run(tmp_path / "two", "--jobs", "2")

    def losses(folder):
        found = cells.by_dataset(folder / "quality.jsonl", ["rows-50"], ["majority", "logistic"])
        return {(cell["learner"], cell["repeat"]): cell["log_loss"] for cell in found["rows-50"]}

    assert losses(tmp_path / "one") == losses(tmp_path / "two")


def test_ours_is_measured_anew_when_the_core_changes(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.setattr(learners.mlcore, "__file__", str(tmp_path / "__init__.py"))
    before = learners.fingerprint(OURS, 50), learners.fingerprint("logistic", 50)
    (tmp_path / "blend.py").write_text("better = True\n")
    after = learners.fingerprint(OURS, 50), learners.fingerprint("logistic", 50)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_one_repeat_is_too_few_for_an_error(capsys):
    with pytest.raises(SystemExit):
        command.main(["--repeats", "1"])
    assert "at least 2" in capsys.readouterr().err


def test_a_page_and_a_figure_are_written(tmp_path, monkeypatch):
    small = {OURS: LEARNERS["logistic"], EXISTING: LEARNERS[EXISTING]}
    for name, learner in small.items():
        monkeypatch.setitem(LEARNERS, name, learner)
    run(tmp_path, "--learners", OURS, "majority", EXISTING, "--report", str(tmp_path / "page"))
    page = (tmp_path / "page" / "README.md").read_text()
    assert re.search('make bench-quality ARGS="--parts datasets --only rows-50 .*--report ', page)
    assert "on 1 of the benchmark's" in page
    assert page.count("| rows-50 ") == 2 + len(write_up.MEASURES) + 1  # verdict, dataset, figures
    assert "nan" not in page
    figure = (tmp_path / "page" / "quality.png").read_bytes()
    assert figure.startswith(b"\x89PNG")


def test_real_files_are_left_out_where_they_are_not_at_hand(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("infra.lab.datasets._FOLDERS", (tmp_path,))
    assert "base" in at_hand()
    assert "real-365x1904" not in at_hand()
    command.main(["--parts", "datasets", "--only", "real-365x1904", "--cache", str(tmp_path)])
    assert capsys.readouterr().out == "Not at hand, so left out: real-365x1904.\n"


# verdicts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "mark"),
    [
        ([0.30, 0.40], REACHED),  # the same
        ([0.29, 0.39], REACHED),  # always better
        ([0.31, 0.45], NEARLY),  # worse by .03 ± .02, the peer's own mean is .35 ± .05
        ([0.31, 0.41], NEARLY),  # always worse, but splits differ by more
        ([0.36, 0.46], MISSED),  # always worse, and by more than splits differ
        ([0.30, 0.41], REACHED),  # worse by .005 ± .005
    ],
)
def test_the_mark_of_a_comparison(ours, mark):
    peers = {"good": [0.30, 0.40], "bad": [0.5, 0.5]}
    comparison = compare(ours, peers)
    assert comparison.peer == "good"
    assert comparison.mark == mark
    negative = {name: [-value for value in of_peer] for name, of_peer in peers.items()}
    assert compare([-value for value in ours], negative, higher_is_better=True).mark == mark


def test_a_dataset_is_judged_on_the_splits_that_all_met():
    measured = [made_up(OURS, i, log_loss=0.4 + i / 100, auc=0.9) for i in range(3)]
    measured += [made_up("net", i, log_loss=0.3 + i / 100, auc=0.8) for i in range(2)]
    measured += [made_up(EXISTING, i, log_loss=0.5, auc=0.7, f1=0.95) for i in range(3)]
    verdict = judge("rows-1000", measured)
    assert verdict.n_splits == 2
    assert (verdict.log_loss.peer, verdict.log_loss.mark) == ("net", MISSED)
    assert verdict.log_loss.worse == pytest.approx(0.1)
    assert (verdict.auc.peer, verdict.auc.mark) == ("net", REACHED)
    assert (verdict.f1.peer, verdict.f1.mark) == (EXISTING, MISSED)
    assert verdict.calibration.mark == REACHED
    text = write_up.verdicts_text([verdict])
    assert "| 0.4050   | 0.3050 net | +0.1000 ± 0.0000 | ✗" in text
    assert "| log-loss    | 0   | 0   | 1   |" in text


def test_calibration_counts_from_a_thousand_rows_on():
    bad = {"bins": ((100, 20, 26),)}
    pairs = [(name, i) for name in (OURS, "net") for i in range(2)]
    large = judge("rows-1000", [made_up(name, i, **bad) for name, i in pairs])
    assert (large.calibration.error, large.calibration.mark) == (pytest.approx(0.06), MISSED)
    assert judge("rows-300", [made_up(name, i, **bad) for name, i in pairs]).calibration is None


def test_without_ours_there_is_no_verdict():
    assert judge("rows-1000", [made_up("net", 0)]) is None


# measures ----------------------------------------------------------------------------------------


def test_measures_of_known_predictions():
    y = np.array([0, 0, 0, 1])
    p = bounded(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]))
    found = measure(y, p)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.3, 0.6]).mean())
    assert found["auc"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["brier"] == pytest.approx(2 * np.mean([0.01, 0.04, 0.49, 0.16]))
    assert np.sum(found["bins"], axis=1).tolist() == [pytest.approx([4, 1.6, 1])]


def test_certain_predictions_are_bounded():
    p = bounded(np.array([[1.0, 0.0, 0.0]]))
    assert p.sum() == pytest.approx(1)
    assert p.min() == pytest.approx(1e-6, rel=1e-5)


def test_true_probabilities_have_no_more_calibration_error_than_chance():
    random = np.random.default_rng(1)
    p = random.uniform(0, 0.5, 20_000)
    bins = np.array(
        measure((random.random(20_000) < p).astype(int), np.stack([1 - p, p], 1))["bins"]
    )
    chance = calibration_error_by_chance(bins, tests_per_sample=1)
    assert 0.3 * chance < calibration_error(bins) < 3 * chance
    assert chance < 0.01
    shifted = np.array(
        measure((random.random(20_000) < p / 2).astype(int), np.stack([1 - p, p], 1))["bins"]
    )
    assert calibration_error(shifted) == pytest.approx(0.125, abs=0.02)


# learners ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_existing_backends_net_learns(n_classes):
    random = np.random.default_rng(1)
    n = 3_000
    y = random.integers(0, n_classes, n)
    X = np.column_stack([np.eye(n_classes)[y], random.normal(size=(n, 3)), np.full(n, np.nan)])
    p = ExistingBackend().fit(X[:2_500], y[:2_500]).predict_proba(X[2_500:])
    assert p.shape == (500, n_classes)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert (p.argmax(axis=1) == y[2_500:]).mean() > 0.9


def test_the_gradient_of_the_net_is_that_of_its_loss():
    random = np.random.default_rng(1)
    X, y = random.normal(size=(20, 4)).astype(np.float32), random.integers(0, 3, 20)
    net = ExistingBackend().fit(X, y)
    net._weights = [weights.astype(np.float64) for weights in net._weights]
    targets = np.eye(3)[y]

    def loss():
        return -np.log((net.predict_proba(X) * targets).sum(axis=1)).mean()

    for weights, gradient in zip(net._weights, net._gradients(X, targets), strict=True):
        at = (0,) * weights.ndim
        before = loss()
        weights[at] += 1e-4
        assert (loss() - before) / 1e-4 == pytest.approx(gradient[at], abs=2e-3)
        weights[at] -= 1e-4


@pytest.mark.parametrize("rows", [50, 2_000, 50_000])
def test_every_setting_is_one_that_its_estimator_knows(rows):
    for learner in LEARNERS.values():
        for setting in learner.grid(rows):
            learner.make(**setting)


@pytest.mark.parametrize("name", [name for name in LEARNERS if name.startswith("slow-")])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_slow_boosting_stops_where_held_out_samples_gain_no_more(name, n_classes):
    random = np.random.default_rng(1)
    y = random.integers(0, n_classes, 300)
    X = np.column_stack([y + random.normal(size=300), random.normal(size=300)])
    fitted = LEARNERS[name].make(**LEARNERS[name].grid(300)[0]).fit(X, y)
    p = fitted.predict_proba(X)
    assert p.shape == (300, n_classes)
    assert 1 <= fitted._model.n_estimators < 500


def test_each_repeat_of_a_generated_course_is_a_new_draw():
    draws = [X for _, X, *_ in cells._splits(DATASETS["rows-50"], (0, 1))]
    assert not np.array_equal(*draws, equal_nan=True)
    again = [X for _, X, *_ in cells._splits(DATASETS["rows-50"], (1,))]
    np.testing.assert_array_equal(draws[1], again[0])


def test_datasets_are_what_their_names_say():
    for name in ("rows-50", "features-3", "rows-200-classes-5", "shipped-wine"):
        labelled = DATASETS[name].load()
        assert labelled.X.shape == (DATASETS[name].rows, DATASETS[name].features)
        assert len(set(labelled.y.tolist())) == len(labelled.classes)


# refinement and sample ---------------------------------------------------------------------------


def test_refinement_is_compared_with_the_better_of_both(tmp_path, monkeypatch):
    def losses(scenario, repeat):
        return {
            str(rows): {"import": 0.4, "local": 0.5, "refined": 0.39 if rows < 1_000 else 0.45}
            for rows in refinement.LOCAL_ROWS
        }

    monkeypatch.setattr(refinement, "_losses", losses)
    refinement.measure(tmp_path / "refinement.jsonl", repeats=2)
    found = refinement.results(tmp_path / "refinement.jsonl")
    assert len(found) == len(refinement.SCENARIOS) * len(refinement.LOCAL_ROWS)
    text = write_up.refinement_text(found[:3])
    assert [line.rstrip("| ")[-1] for line in text.splitlines()[2:]] == [REACHED, REACHED, MISSED]


def test_a_course_and_its_import_can_be_measured(monkeypatch):
    monkeypatch.setattr(refinement, "LOCAL_ROWS", (20, 30))
    monkeypatch.setattr(refinement, "_SOURCE_ROWS", 30)
    monkeypatch.setattr(refinement, "_TEST_ROWS", 200)
    losses = refinement._losses(refinement.SCENARIOS["misleading"], 0)
    assert losses["20"]["import"] == losses["30"]["import"]
    assert losses["20"]["local"] != losses["30"]["local"]


def test_learning_in_pieces_is_the_same_as_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "ROWS", 30)
    monkeypatch.setattr(sample, "_TEST_ROWS", 200)
    monkeypatch.setattr(sample, "LIMITS", (30, 20))
    sample.measure(tmp_path / "sample.jsonl", repeats=2)
    found = sample.results(tmp_path / "sample.jsonl")
    assert [each.limit for each in found] == [30, 20]
    assert all(each.apart <= sample.SAME for each in found)
    assert write_up.sample_text(found).count(REACHED) == 2
