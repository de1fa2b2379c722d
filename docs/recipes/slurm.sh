#!/usr/bin/env bash
# A run on the nodes of a Slurm job; it outlives the loss of nodes, and a job that is started again goes on.
#
#   THRONG_TOKEN=... sbatch docs/recipes/slurm.sh /shared/runs my-game.toml
#
# More hosts later: submit the job again with SEEDS set to those of the first one. They join at the end of a round.
#SBATCH --nodes=4 --ntasks-per-node=1 --exclusive --no-kill --requeue --open-mode=append
set -euo pipefail

out=$1 game=$2 port=7946
: "${THRONG_TOKEN:?set it to a secret that all hosts of the run share}"
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -3)
export SEEDS=${SEEDS:-$(sed "s/\$/:$port/" <<<"$first" | paste -sd,)}
export MIN=$((SLURM_NTASKS / 2 + 1)) OUT=$out GAME=$game PORT=$port

# A host that dies is started again where it was; one that is told why it may not play (2) or was stopped (130) is not.
srun --no-kill --kill-on-bad-exit=0 --wait=0 bash -c '
  until throng node "$OUT/$GAME" --out "$OUT" --advertise "$(hostname):$PORT" --seeds "$SEEDS" --min "$MIN"; do
    code=$?
    case $code in 2 | 130) exit $code ;; esac
    sleep 2
  done'
