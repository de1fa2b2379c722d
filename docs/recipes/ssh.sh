#!/usr/bin/env bash
# Starts one host of a run on each machine of a list, over ssh. Run it again to bring dead hosts back.
#
#   THRONG_TOKEN=... docs/recipes/ssh.sh "node1 node2 node3" /shared/runs my-game.toml
#
# All machines need the program at the same version in PATH, the shared folder, and the same configuration file in it.
set -euo pipefail

hosts=$1 out=$2 game=$3 port=${PORT:-7946}
: "${THRONG_TOKEN:?set it to a secret that all hosts of the run share}"
read -ra names <<<"$hosts"
min=$((${#names[@]} / 2 + 1))
seeds=$(printf "%s:$port," "${names[@]:0:3}")
unit=throng-$(basename "$game" .toml)

for host in "${names[@]}"; do
  # The token goes over standard input, so that no list of processes shows it.
  ssh "$host" "
    systemctl --user is-active --quiet $unit && exit 0
    umask 077 && mkdir -p ~/.config/throng && cat >~/.config/throng/token.env
    systemd-run --user --unit $unit --collect -p Restart=on-failure -p RestartSec=2 \
      -p RestartPreventExitStatus='2 130' -p EnvironmentFile=%h/.config/throng/token.env \
      throng node $out/$game --out $out --advertise \$(hostname -I | cut -d' ' -f1):$port \
      --seeds ${seeds%,} --min $min" <<<"THRONG_TOKEN=$THRONG_TOKEN"
done
