#!/usr/bin/env bash
# What only a machine with a GPU can show, in minutes: tests, benchmarks, and an experiment at the paper's size.
#
#   benchmarks/gpu.sh OUT DATA [PART ...]
#
# OUT takes results.tar.gz, what every part printed and made, and projections-*.tar.xz, the projections of
# finished seeds, as they are when time is up. DATA is a directory with cifar10-images.tar.gz. Parts, in this order
# unless others are named:
#
#   facts       the machine, its versions, how fast its disks are
#   smoke       a small network, trained for two epochs by the program of the pipeline
#   tests       tests/test_gpu.py
#   bench       `make bench ONLY="$BENCH"`: docs/benchmarks.md
#   experiment  config/cifar10.yaml's first experiment by Snakemake, as many seeds as there is time for
#   profile     where the time of a step goes; together, together-mps: runs side by side; only if they are named
#
# Environment, with defaults: LIMIT=540 seconds for everything; EACH seconds for one part but experiment (150);
# BENCH="gpu-step gpu", rows of the benchmark; RUNS=3 jobs side by side on the GPU; SEEDS="0 1 2 3 4 5 6 7 8 9"; MPS=0, 1 lets kernels of several
# jobs run at the same time (nvidia-cuda-mps-control); WORK, a new directory for what is made: 8 GB for each job
# at a time; PYTHON=python3. For a trial without a GPU: DEVICE=cpu, and CONFIG, further files of configuration.
set -u

OUT=$(mkdir -p "$1" && cd "$1" && pwd)
DATA=$(cd "$2" && pwd)
shift 2
PARTS=${*:-facts smoke tests bench experiment}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LIMIT=${LIMIT:-540} EACH=${EACH:-150} RUNS=${RUNS:-3} BENCH=${BENCH:-gpu-step gpu} MPS=${MPS:-0} DEVICE=${DEVICE:-cuda} PYTHON=${PYTHON:-python3}
SEEDS=${SEEDS:-0 1 2 3 4 5 6 7 8 9}
# Tables, figures and archives of the experiment take so long at the end.
LAST=${LAST:-60}
WORK=${WORK:-$(mktemp -d)}
QUICK=$([ "$DEVICE" = cpu ] && echo --quick)
GPUS=$([ "$DEVICE" = cpu ] && echo 0 || echo 1)
MADE=$WORK/made RESULTS=$WORK/results
mkdir -p "$MADE" "$WORK/tmp" "$WORK/bin"
export PYTHONPATH=$ROOT/src${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 ANATOMY_DATA=$DATA TMPDIR=$WORK/tmp
export XDG_CACHE_HOME=$WORK/cache
# The rules call `python`.
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v "$PYTHON")" >"$WORK/bin/python"
chmod +x "$WORK/bin/python"
export PATH=$WORK/bin:$PATH
cd "$ROOT" || exit

left() { echo $((LIMIT - SECONDS)); }

# Run a command for at most so many seconds in a process group of its own; its output goes to made/<name>.log.
part() {
    local name=$1 seconds=$2 from=$SECONDS
    shift 2
    ((seconds > $(left) - 5)) && seconds=$(($(left) - 5))
    ((seconds < 5)) && echo "== $name: no time left" && return 1
    timeout --kill-after=3 "$seconds" "$@" >>"$MADE/$name.log" 2>&1
    local status=$?
    echo "== $name: status $status after $((SECONDS - from)) s (limit $seconds s), $(left) s left"
    pack
    return $status
}

# Replace OUT/results.tar.gz by what there is now: no weights, no data set.
pack() {
    local files
    files=$(cd "$WORK" && find made results -type f \
        ! -name '*.safetensors' ! -name '.*' ! -path '*/resume/*' ! -path '*/measurements/projections/*' 2>"$WORK/unfound")
    (cd "$WORK" && printf '%s\n' $files | tar czf "$OUT/.results" -T - 2>>"$WORK/unfound") &&
        mv "$OUT/.results" "$OUT/results.tar.gz"
}

facts() {
    nvidia-smi
    nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,memory.total --format=csv
    command -v nvidia-cuda-mps-control git "$PYTHON"
    nproc
    free -g
    df -h / /tmp /dev/shm "$WORK"
    "$PYTHON" -c 'import sys, torch, torchvision, numpy
print(sys.version, torch.__version__, torchvision.__version__, numpy.__version__, torch.backends.cudnn.version())
print(torch.cuda.is_available() and torch.cuda.get_device_name(), torch.backends.cpu.get_cpu_capability())'
    for folder in "$WORK" /dev/shm; do
        echo "$folder: $(dd if=/dev/zero of="$folder/.speed" bs=8M count=32 oflag=direct 2>&1 | tail -1)"
        echo "$folder, cached: $(dd if=/dev/zero of="$folder/.speed" bs=8M count=32 2>&1 | tail -1)"
        rm -f "$folder/.speed"
    done
}

smoke() {
    "$PYTHON" - "$WORK/smoke" <<'PYTHON'
import sys
sys.path[:0] = ["benchmarks", "tests"]
from pathlib import Path
from anatomy.data.dataset import write_dataset
from conftest import make_dataset
write_dataset(make_dataset(), Path(sys.argv[1], "dataset"), "shades", {"source": "test"})
PYTHON
    "$PYTHON" workflow/scripts/train_network.py --experiment smoke --dataset "$WORK/smoke/dataset" --seed 0 \
        --settings '{"architecture": "vgg11", "width": 0.0625, "epochs": 3, "batch_size": 20, "precision": "bf16"}' \
        --output "$WORK/smoke/run" --gpus "$GPUS" && cat "$WORK/smoke/run/history.csv" "$WORK/smoke/run/run.json"
}

# Snakemake with so many seeds of the experiment in its configuration, separated by commas.
snake() {
    local own=$WORK/seeds-$1.yaml commas=${1//[^,]/}
    local runs=$((${#commas} + 1 < 3 ? ${#commas} + 1 : 3))
    echo "{experiments: {cifar10-step: {seeds: [$1]}}, figures: {figure_02: {runs: $runs}}}" >"$own"
    shift
    "$PYTHON" -m snakemake --cores all --resources "gpu=$RUNS" --scheduler greedy --keep-going --nolock --quiet rules \
        --rerun-incomplete --rerun-triggers input --configfile config/cifar10.yaml config/cifar10-gpu.yaml ${CONFIG:-} \
        "$own" --config "device=$DEVICE" "runs_per_gpu=$RUNS" "pathvars={results: $RESULTS}" -- "$@"
}

measured() { echo "$RESULTS/arrangements/measurements/$1/cifar10-step/seed=$2"; }

done_seeds() {
    local seed
    for seed in $SEEDS; do
        [ -f "$(measured reinitialisation "$seed").csv" ] && compgen -G "$(measured projections "$seed")/*.json" \
            >"$WORK/listed" && echo "$seed"
    done
}

# Snapshots of all seeds would be 81 GB: those of a seed that is measured go.
tidy() {
    local seed
    while sleep 3; do
        for seed in $(done_seeds); do
            rm -rf "$RESULTS/runs/cifar10-step/seed=$seed"/{resume,snapshots,final.safetensors}
        done
    done
}

experiment() {
    local seed targets=()
    for seed in $SEEDS; do
        targets+=("$(measured reinitialisation "$seed").csv" "$(measured projections "$seed")/epoch=0.json")
    done
    tidy &
    local tidying=$! status
    snake "${SEEDS// /,}" "${targets[@]}"
    status=$?
    kill $tidying
    return $status
}

# The tables and figures of the seeds that are finished.
tables() {
    local seeds
    seeds=$(done_seeds | paste -sd,)
    echo "finished seeds: $seeds"
    [ -n "$seeds" ] || return 1
    snake "$seeds" tables figures
}

# Four seeds in one archive, whose size stays below 16 MB.
projections() {
    local seeds name=0
    mapfile -t seeds < <(done_seeds)
    for ((first = 0; first < ${#seeds[@]}; first += 4)); do
        "$PYTHON" - "$OUT/projections-$name.tar.xz" "$RESULTS" "${seeds[@]:first:4}" <<'PYTHON' &
import sys, tarfile
from pathlib import Path
archive, results, *seeds = sys.argv[1:]
with tarfile.open(archive, "w:xz", preset=2) as file:
    for seed in seeds:
        inside = f"arrangements/measurements/projections/cifar10-step/seed={seed}"
        file.add(Path(results, inside), f"results/{inside}")
PYTHON
        name=$((name + 1))
    done
    wait
}

# The data set, while the GPU has other work.
prepare() { snake "${SEEDS// /,}" "$RESULTS/datasets/cifar10/dataset.json"; }

mps() {
    export CUDA_MPS_PIPE_DIRECTORY=$WORK/mps CUDA_MPS_LOG_DIRECTORY=$WORK/mps-log
    mkdir -p "$WORK/mps" "$WORK/mps-log"
    nvidia-cuda-mps-control -d && trap 'echo quit | timeout 10 nvidia-cuda-mps-control' EXIT
}

export -f facts smoke snake measured done_seeds tidy experiment tables projections prepare
export OUT DATA ROOT RUNS DEVICE PYTHON SEEDS WORK GPUS RESULTS CONFIG=${CONFIG:-}
echo "parts: $PARTS; $LIMIT s in $WORK"
if [[ " $PARTS " == *" experiment "* ]]; then
    timeout 200 bash -c prepare >"$MADE/prepare.log" 2>&1 &
fi
for name in $PARTS; do
    case $name in
    facts | smoke) part $name 90 bash -c "$name" ;;
    tests) part tests "$EACH" "$PYTHON" -m pytest -q -p no:cacheprovider --durations=5 tests/test_gpu.py ;;
    bench)
        part bench "$EACH" "$PYTHON" benchmarks/run.py --only $BENCH $QUICK --device "$DEVICE" --output "$MADE"
        ;;
    profile) part profile "$EACH" "$PYTHON" benchmarks/gpu_profile.py $QUICK --device "$DEVICE" ;;
    together | together-mps)
        [ $name = together-mps ] && mps >>"$MADE/$name.log" 2>&1
        ANATOMY_RUNS_PER_GPU=$RUNS part $name "$EACH" "$PYTHON" benchmarks/gpu_profile.py $QUICK \
            --device "$DEVICE" --together "$RUNS"
        ;;
    experiment)
        wait
        [ "$MPS" = 1 ] && mps >>"$MADE/experiment.log" 2>&1
        part experiment $(($(left) - LAST)) bash -c experiment
        part tables $(($(left) - LAST / 2)) bash -c tables
        part projections "$LAST" bash -c projections
        ;;
    *) echo "no such part: $name" ;;
    esac
    tail -n 25 "$MADE/$name.log" | cut -c -300
done
ls -l "$OUT"
