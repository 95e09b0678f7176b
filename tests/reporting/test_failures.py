"""The jobs that failed in the end, from logs as Snakemake writes them."""

from anatomy.reporting.failures import failures

ERROR = """\
[Fri Nov 27 11:00:00 2026]
Error in rule {rule}:
    message: SLURM-job '{job}' failed, SLURM status is: '{state}'. Detailed failure reason unavailable
    jobid: {job}
    output: results/{rule}.json
    log: {log}, missing.log (check log file(s) for error details)
"""


def test_only_what_was_not_started_again_is_named(tmp_path):
    log, own = tmp_path / "snakemake.log", tmp_path / "train.log"
    own.write_text("epoch 1\nerror: the loss is no number\n\n")
    error = ERROR.format(rule="train", job=3, state="FAILED", log=own)
    other = ERROR.format(rule="measure", job=4, state="TIMEOUT", log=tmp_path / "nowhere.log")
    log.write_text(f"{error}{other}Trying to restart job 3.\n")
    assert list(failures(log)) == ["failed: measure (TIMEOUT)"]
    log.write_text(f"{error}Trying to restart job 3.\n{other}Trying to restart job 4.\n{error}")
    assert list(failures(log)) == [f"failed: train: {own}: error: the loss is no number"]
    log.write_text("Nothing to be done\n")
    assert not list(failures(log))


def test_a_group_that_was_started_again_is_not_named(tmp_path):
    log = tmp_path / "snakemake.log"
    group = (
        "Error in group projections:\n    jobs:\n        rule a:\n            jobid: 5\n"
        "            log: a.log (check log file(s) for error details)\n"
    )
    log.write_text(f"{group}Trying to restart job 0e9d-77.\n")
    assert not list(failures(log))
    log.write_text(group)
    assert list(failures(log)) == ["failed: projections"]
