#!/usr/bin/env bash
# Runs the same models in Throng and in two other engines, one after the other on this machine.
# usage: benches/peers/compare.sh [AGENTS] [ROUNDS] [FOLDER for what is built and installed]
set -euo pipefail
agents=${1:-1000000}; rounds=${2:-5}; built=${3:-target/peers}
# The classics are played to their end, by a tenth of the agents: other engines need minutes for more.
few=$((agents / 10)); longest=500
here=$(dirname "$0")
ours=${CARGO_TARGET_DIR:-target}/release
cargo build --release --locked -p throng-benches --bin meeting --bin classics
cargo build --release --manifest-path "$here/krabmaga/Cargo.toml" --target-dir "$built/krabmaga"
krabmaga="$built/krabmaga/release/throng-peer-krabmaga"
if [ ! -x "$built/python/bin/python" ]; then
  python3 -m venv "$built/python"
  "$built/python/bin/pip" install --quiet -r "$here/mesa_frames/requirements.txt"
fi
echo "walkers on a plane that count who is within 1, $agents agents"
"$ours/meeting" "$agents" "$rounds" 1 "a plane" | grep "a plane  "
"$krabmaga" walkers "$agents" "$rounds"
echo "walkers on cells that count who is in the nine around, $agents agents"
"$ours/meeting" "$agents" "$rounds" 2 "a plane of cells" | tail -n +2
"$built/python/bin/python" "$here/mesa_frames/walkers.py" "$agents" "$rounds"
echo "Schelling's neighbourhoods until nobody wants to move, $few agents"
"$ours/classics" segregation "$few" "$longest" 1
"$krabmaga" schelling "$few" "$longest"
echo "an SIR epidemic on a random network until nobody is infectious, $few agents"
"$ours/classics" epidemic "$few" "$longest" 1
"$krabmaga" epidemic "$few" "$longest"
