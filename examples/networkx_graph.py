"""A networkx graph in, predictions for another graph out, with a picture of them.

Run it with ``python examples/networkx_graph.py``; the picture is ``predictions.png``. The front page shows it.
"""

import random

import matplotlib.pyplot as plt
import networkx as nx

import graphkit


def network(seed):
    graph, rng = nx.planted_partition_graph(3, 30, 0.25, 0.01, seed=seed), random.Random(seed)
    for node, group in graph.nodes(data="block"):
        graph.nodes[node].update(label="ABC"[group], x=[(group == k) + rng.gauss(0, 1.5) for k in range(3)])
    return graph


run = graphkit.fit("gcn", network(seed=0), epochs=100, set={"data.ignore": "block"})  # block is the answer
new = network(seed=1)
predictions = run.predict(new)
nx.draw_spring(new, node_color=["ABC".index(name) for name in predictions.prediction], node_size=40)
plt.savefig("predictions.png")
print(f"{(predictions.prediction == predictions.target).mean():.0%} of the nodes of the new graph are right")
