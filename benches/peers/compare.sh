#!/usr/bin/env bash
# Runs the same walkers in Throng and in two other engines, one after the other on this machine.
# usage: benches/peers/compare.sh [AGENTS] [ROUNDS] [FOLDER for what is built and installed]
set -euo pipefail
agents=${1:-1000000}; rounds=${2:-5}; built=${3:-target/peers}
here=$(dirname "$0")
cargo build --release --locked -p throng-benches --bin meeting
cargo build --release --manifest-path "$here/krabmaga/Cargo.toml" --target-dir "$built/krabmaga"
if [ ! -x "$built/python/bin/python" ]; then
  python3 -m venv "$built/python"
  "$built/python/bin/pip" install --quiet -r "$here/mesa_frames/requirements.txt"
fi
echo "walkers on a plane that count who is within 1"
target/release/meeting "$agents" "$rounds" 1 "a plane" | tail -n +2
"$built/krabmaga/release/throng-peer-krabmaga" "$agents" "$rounds"
echo "walkers on cells that count who is in the nine around"
target/release/meeting "$agents" "$rounds" 2 "a plane" | tail -n +2
"$built/python/bin/python" "$here/mesa_frames/walkers.py" "$agents" "$rounds"
