// Path search from one node.
//
// A node v is listed with h hops if h is the least number of hops of a cheapest route to it, of all routes in the
// graph. Dijkstra's algorithm, which settles all nodes in order of cost, would visit most of the graph. Instead:
//
// 1. `spread` follows all routes of at most H hops. Every node v within H hops then has a cost b(v) that some route
//    attains, no greater than that of its best route of at most H hops: it can be listed only if b(v) is its distance.
// 2. `bidirectional_search` finds those that have a cheaper route of any length.
// 3. `list` follows tight edges from the center, those with distance(u) + cost = distance(v) exactly, through nodes
//    that are not beaten. The step at which it reaches a node is the number of hops; of several predecessors, the one
//    with the smallest id is kept. Routes of more than H hops are never visited.
#pragma once

#include "bidirectional_search.h"

namespace graphkit {

class PathSearch : BidirectionalSearch {
 public:
  using BidirectionalSearch::Label;

  PathSearch(const PathGraph& graph, int64_t max_hops, const Interrupt& interrupt)
      : BidirectionalSearch(graph, interrupt), levels_(max_hops) {}

  // Finds all paths from `center`. levels()[h - 1] then holds the far ends of those with h hops, in no order; not all
  // of them if a signal came.
  void run(int32_t center) {
    for (const int32_t v : touched_) nodes_[v] = Node();
    touched_.assign(1, center);
    nodes_[center].best = 0.0;
    spread(center);
    bidirectional_search();
    list(center);
  }

  bool is_stopped() const { return interrupt_.came(); }
  const std::vector<std::vector<Label>>& levels() const { return levels_; }
  int32_t before(int32_t v) const { return nodes_[v].before; }  // the node before a far end on its path
  int64_t degree() const { return degree_; }                    // neighbors of the center, each counted once

 private:
  static constexpr int kAhead = 8;  // edges: the distance at which nodes are fetched

  void spread(int32_t center) {
    doubts_.clear();
    frontier_.assign(1, center);
    for (size_t hop = 0; hop < levels_.size() && !frontier_.empty(); ++hop) {
      next_.clear();
      for (const int32_t u : frontier_) {
        if (interrupt_.came()) return;
        nodes_[u].waits = false;
        nodes_[u].followed = true;
        const double cost = nodes_[u].best;
        const Range edges = edges_of(graph_.out, u);
        for (const PathEdge& edge : edges) {
          if (edges.last - &edge > kAhead) __builtin_prefetch(&nodes_[(&edge)[kAhead].to], 1);
          Node& v = nodes_[edge.to];
          const double sum = cost + edge.cost;
          if (!(sum < v.best)) continue;
          if (!v.near) {
            touched_.push_back(edge.to);
            doubts_.emplace_back(edge.entry, edge.to);
            v.near = true;
          }
          v.best = sum;
          v.followed = false;
          if (v.waits) continue;
          v.waits = true;
          next_.push_back(edge.to);
        }
      }
      frontier_.swap(next_);
      if (hop == 0) degree_ = int64_t(frontier_.size());
    }
    for (const int32_t u : frontier_) nodes_[u].waits = false;
  }

  void list(int32_t center) {
    frontier_.assign(1, center);
    for (size_t h = 0; h < levels_.size(); ++h) {
      next_.clear();
      levels_[h].clear();
      for (const int32_t u : frontier_) {
        if (interrupt_.came()) return;
        const double cost = nodes_[u].best;
        for (const PathEdge& edge : edges_of(graph_.out, u)) {
          Node& v = nodes_[edge.to];
          if (!v.near || v.beaten || cost + edge.cost != v.best) continue;
          if (v.level == 0) {
            v.level = uint16_t(h + 1);
            v.before = u;
            next_.push_back(edge.to);
            levels_[h].emplace_back(v.best, edge.to);
          } else if (v.level == h + 1) {
            v.before = std::min(v.before, u);
          }
        }
      }
      frontier_.swap(next_);
    }
  }

  std::vector<std::vector<Label>> levels_;
  std::vector<int32_t> frontier_, next_;
  int64_t degree_ = 0;
};

}  // namespace graphkit
