// Graph representation of the path search.
#pragma once

#include "interrupt.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace graphkit {

struct PathEdge {
  double cost;
  int32_t to;
  float entry;  // no more than the cheapest edge into `to`
};

// Those of node i are edges[ptr[i]] to edges[ptr[i + 1] - 1], the cheapest first.
struct PathEdges {
  std::vector<int64_t> ptr;
  std::vector<PathEdge> edges;
};

// `out` has the edges out of each node, `into` the edges into it. `into` is not needed, and empty, if all edges cost 1.
struct PathGraph {
  PathEdges out, into;
  int64_t num_nodes() const { return int64_t(out.ptr.size()) - 1; }
};

// Groups edges by their `own` end. Self loops are on no cheapest path.
inline PathEdges group_path_edges(const int64_t* own, const int64_t* other, const double* cost, int64_t num_edges,
                                  int64_t num_nodes) {
  PathEdges group;
  group.ptr.assign(num_nodes + 1, 0);
  const Interrupt interrupt;
  in_blocks(interrupt, num_edges, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) group.ptr[own[e] + 1] += own[e] != other[e];
  });
  for (int64_t i = 0; i < num_nodes; ++i) group.ptr[i + 1] += group.ptr[i];
  group.edges.resize(group.ptr[num_nodes]);
  std::vector<int64_t> at(group.ptr.begin(), group.ptr.end() - 1);
  in_blocks(interrupt, num_edges, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) {
      if (own[e] == other[e]) continue;
      group.edges[at[own[e]]++] = {cost == nullptr ? 1.0 : cost[e], int32_t(other[e]), 1.0f};
    }
  });
  for (int64_t i = 0; i < num_nodes && cost != nullptr; ++i) {
    interrupt.check();
    std::sort(group.edges.begin() + group.ptr[i], group.edges.begin() + group.ptr[i + 1],
              [](const PathEdge& a, const PathEdge& b) { return a.cost < b.cost; });
  }
  return group;
}

// The search follows an edge from its target to its source.
inline PathGraph make_path_graph(const int64_t* source, const int64_t* target, const double* cost, int64_t num_edges,
                                 int64_t num_nodes) {
  PathGraph graph;
  graph.out = group_path_edges(target, source, cost, num_edges, num_nodes);
  if (cost == nullptr) return graph;
  graph.into = group_path_edges(source, target, cost, num_edges, num_nodes);
  for (PathEdge& edge : graph.out.edges) {
    const double entry = std::min(graph.into.edges[graph.into.ptr[edge.to]].cost, 1e38);
    edge.entry = float(entry);
    if (double(edge.entry) > entry) edge.entry = std::nextafterf(edge.entry, 0.0f);
  }
  return graph;
}

}  // namespace graphkit
