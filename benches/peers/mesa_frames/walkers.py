"""Walkers on a grid that count who is in the nine cells around and take a step, in mesa-frames.

walkers.py AGENTS ROUNDS
"""

import sys
import time

import numpy as np
import polars as pl
from mesa_frames import AgentSetPolars, GridPolars, ModelDF


class Walkers(AgentSetPolars):
    """Agents without attributes of their own."""

    def __init__(self, model, agents):
        super().__init__(model)
        self += pl.DataFrame({"unique_id": pl.Series(range(agents), dtype=pl.Int64)})

    def step(self):
        """Everyone counts those around and moves by -1, 0 or 1 along each axis."""
        space, side = self.model.space, self.model.side
        # The library's own neighbourhoods of many agents leave out cells that these share.
        cells = space.agents.group_by("dim_0", "dim_1").len()
        near = pl.lit(0)
        for right in (-1, 0, 1):
            for up in (-1, 0, 1):
                shifted = space.agents.select(
                    (pl.col("dim_0") + right) % side, (pl.col("dim_1") + up) % side
                )
                found = shifted.join(cells, on=["dim_0", "dim_1"], how="left", maintain_order="left")
                near = near + found["len"].fill_null(0)
        self.model.counted = pl.select(near).to_series().sum()
        at = space.agents.sort("agent_id").select("dim_0", "dim_1").to_numpy()
        moved = (at + self.model.random.integers(-1, 2, size=at.shape)) % side
        space.move_agents(self, moved)


class Plain(ModelDF):
    """A torus with one walker per cell on average."""

    def __init__(self, agents):
        super().__init__(seed=1)
        self.side, self.counted = round(agents**0.5), 0
        self.space = GridPolars(self, [self.side, self.side], torus=True, capacity=None)
        self.agents += Walkers(self, agents)
        at = self.random.integers(0, self.side, size=(agents, 2))
        self.space.place_agents(self.agents, at)


def main():
    agents, rounds = int(sys.argv[1]), int(sys.argv[2])
    model = Plain(agents)
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        model.step()
        times.append((time.perf_counter() - begun) * 1e9 / agents)
    threads = pl.thread_pool_size()
    near = model.counted / agents
    print(
        f"mesa-frames 0.1.0a0, {threads} threads: {np.median(times):.0f} ns per agent-round, "
        f"{near:.3f} near each"
    )


main()
