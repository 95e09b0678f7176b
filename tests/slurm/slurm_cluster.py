"""A real Slurm on this machine: a controller, and nodes of which some have GPUs that are files.

To be started inside `run.sh`, which keeps it from the rest of the machine.
"""

import os
import re
import shutil
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

SPOOL, RUN, ETC = Path("/var/spool/slurm-test"), Path("/run/slurm-test"), Path("/etc/slurm")
GPUS = {"gpu1": 4, "gpu2": 2, "gpu3": 2, "gpu4": 2}
NODES = ("cpu1", *GPUS)

# Slurm 22.05 or later. Nodes share the cores of this machine; each says that it has more (config_overrides).
# GPUs limit how many jobs run, and number CUDA_VISIBLE_DEVICES. A node that does not answer for 10 s is down.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=slurm
AuthType=auth/munge
# How long a job that is queued again waits.
AuthInfo=cred_expire=5
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.%n.pid
StateSaveLocation={spool}/slurmctld
SlurmdSpoolDir={spool}/slurmd.%n
SlurmctldLogFile={spool}/slurmctld.log
SlurmdLogFile={spool}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
ReturnToService=2
SlurmdParameters=config_overrides
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmdTimeout=10
KillWait=5
MinJobAge=600
GresTypes=gpu
AccountingStorageType=accounting_storage/none
{nodes}
PartitionName=cpu Nodes=cpu1 Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu1 MaxTime=INFINITE State=UP
# Trainings that a test has wait keep their GPUs, so those of two tests have nodes of their own.
PartitionName=faults Nodes=gpu2,gpu3 MaxTime=INFINITE State=UP
PartitionName=killed Nodes=gpu4 MaxTime=INFINITE State=UP
"""


def output_of(*command):
    """Run a command to its end; returns what it printed."""
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stdout}{result.stderr}"
    return result.stdout


def until(condition, seconds, what):
    """Wait until `condition()` is true, and return what it returned."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return found


def start():
    """Start the controller and all nodes, and wait until they take jobs."""
    for folder in (SPOOL / "slurmctld", RUN):
        folder.mkdir(parents=True)
        shutil.chown(folder, "slurm", "slurm")
    Path("/run/munge").mkdir(mode=0o755)
    shutil.chown("/run/munge", "munge", "munge")
    nodes, devices = [], ["AutoDetect=off"]
    for index, node in enumerate(NODES):
        (SPOOL / f"slurmd.{node}").mkdir()
        gpus = GPUS.get(node, 0)
        address = f"NodeHostname={os.uname().nodename} NodeAddr=127.0.0.1 Port={17001 + index}"
        nodes.append(
            f"NodeName={node} {address} CPUs=16 RealMemory=1000000" + f" Gres=gpu:{gpus}" * (gpus > 0)
        )
        for gpu in range(gpus):
            device = SPOOL / f"gpu{gpu}"
            if not device.exists():
                # As /dev/null.
                os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            devices.append(f"NodeName={node} Name=gpu File={device}")
    text = CONFIGURATION.format(host=os.uname().nodename, run=RUN, spool=SPOOL, nodes="\n".join(nodes))
    (ETC / "slurm.conf").write_text(text)
    (ETC / "gres.conf").write_text("\n".join(devices) + "\n")
    output_of("runuser", "-u", "munge", "--", "/usr/sbin/munged")
    output_of("slurmctld")
    for node in NODES:
        start_node(node)


def start_node(node):
    """Start the daemon of a node, and wait until the node takes jobs."""
    output_of("slurmd", "-N", node)
    states = ("idle", "mixed", "allocated", "completing")
    until(lambda: state_of(node) in states, 30, f"node {node} is up")


def state_of(node):
    """State of a node in Slurm's words, e.g. `idle`, `down*`."""
    return output_of("sinfo", "-h", "-n", node, "-N", "-o", "%T").split()[0]


def crash(node):
    """Let a node lose its power: its daemon and all processes of its jobs are gone."""
    running = set(output_of("squeue", "-h", "-w", node, "-o", "%A").split())
    lost = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[:3] == ["slurmd", "-N", node]:
            lost.append(process)
        # The title of a step's process, e.g. `slurmstepd: [12.batch]`.
        elif (step := re.match(r"slurmstepd: \[(\d+)\.", " ".join(words))) and step[1] in running:
            lost += [process, *process.children(recursive=True)]
    for process in lost:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def job_of(experiment, seed=0):
    """Return the number of the job that trains a run, and the node where it runs; two None if none does."""
    comment = f"rule_train_network_{experiment}_wildcards_{seed}"
    for line in output_of("squeue", "-h", "-t", "RUNNING", "-o", "%A|%N|%k").splitlines():
        job, node, found = line.split("|")
        if found == comment:
            return job, node
    return None, None


if __name__ == "__main__":
    start()
