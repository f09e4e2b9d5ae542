// Bidirectional search for cheaper routes, of any length, to the nodes around a center.
//
// Each node v within a few hops has an initial cost b(v), attained by some route from the center. It is beaten if
// another route, of any length, costs less. A label is the cost of a route to a node; a node is open until its edges
// have been followed at its current label.
//
// Forward: the cheapest open label d is followed next. An undiscovered cheaper route to v must pass through an open
// node whose label is its distance. It costs at least d up to that node, and at least m(v), the cheapest edge into v,
// for its last edge. Hence v is safe once d + m(v) >= b(v). The search ends when every v is safe or beaten, usually
// long before all nodes are settled. Likewise, a label not below the largest b(v) - m(v) of an undecided v need not be
// followed.
//
// Backward: if costs vary widely, the last few v would extend the forward search over most of the graph. Therefore, the
// same amount of work is spent on backward searches from the v that would extend it most. That v is beaten if a label
// plus a backward distance is less than b(v), and safe once d plus every remaining backward distance is not. The two
// searches meet halfway and visit about the square root of the number of nodes that one search would visit.
//
// Costs are added from the center outwards in float64. This addition is monotone: a <= b implies a + c <= b + c after
// rounding, which the argument requires. For sums in another order, a margin covers the rounding errors of as many
// additions as there are nodes; cases within the margin are decided by the forward search.
#pragma once

#include "shortest_paths_graph.h"

#include <functional>
#include <limits>
#include <utility>

namespace graphkit {

class BidirectionalSearch {
 public:
  using Label = std::pair<double, int32_t>;  // cost and node

 protected:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static constexpr int64_t kHeadStart = 64;  // edges that the search from the center follows first

  struct Node {  // 16 bytes: in a large graph the search is bound by memory latency
    double best = kInfinity;
    int32_t before = -1;
    uint16_t level = 0;
    bool followed : 1;  // not open
    bool near : 1;      // within H hops
    bool beaten : 1;    // and has a cheaper route than those
    bool waits : 1;     // in the next round of `spread`
    bool tied : 1;      // undecided by `search_cheaper_path`
    Node() : followed(false), near(false), beaten(false), waits(false), tied(false) {}
  };

  struct Range {
    const PathEdge *first, *last;
    const PathEdge* begin() const { return first; }
    const PathEdge* end() const { return last; }
  };
  static Range edges_of(const PathEdges& edges, int32_t u) {
    return {edges.edges.data() + edges.ptr[u], edges.edges.data() + edges.ptr[u + 1]};
  }

  BidirectionalSearch(const PathGraph& graph, const Interrupt& interrupt)
      : graph_(graph),
        interrupt_(interrupt),
        nodes_(graph.num_nodes()),
        back_(graph.num_nodes(), kInfinity),
        margin_(1e-14 + 4e-16 * double(graph.num_nodes())) {}

  // Expects labels in `nodes_`, the nodes that have one in `touched_`, and of those within a few hops m(v) in
  // `doubts_`.
  void bidirectional_search() {
    if (doubts_.empty()) return;
    horizon_ = 0.0;
    for (auto& [limit, v] : doubts_) {
      const double best = nodes_[v].best;
      horizon_ = std::max(horizon_, best);
      limit = best * (1.0 + margin_) - limit;
    }
    std::make_heap(doubts_.begin(), doubts_.end());
    queue_.clear();
    for (const int32_t v : touched_) {
      const Node& node = nodes_[v];
      if (!node.followed && node.best < doubts_.front().first) queue_.emplace_back(node.best, v);
    }
    std::make_heap(queue_.begin(), queue_.end(), std::greater<>());

    int64_t forward = 0, backward = kHeadStart;
    while (!queue_.empty() && !doubts_.empty() && !interrupt_.came()) {
      const auto [cost, u] = queue_.front();
      if (nodes_[u].followed || cost != nodes_[u].best) {  // outdated label
        pop(queue_, std::greater<>());
        continue;
      }
      const auto [limit, v] = doubts_.front();
      if (nodes_[v].beaten) {
        pop(doubts_, std::less<>());
        continue;
      }
      if (cost >= limit) return;
      if (forward <= backward || nodes_[v].tied || graph_.into.edges.empty()) {
        pop(queue_, std::greater<>());
        forward += follow(u, cost, limit);
        continue;
      }
      const Outcome outcome = search_cheaper_path(v, cost, forward, backward);
      nodes_[v].beaten = outcome == Outcome::kBeaten;
      nodes_[v].tied = outcome == Outcome::kTied;
      if (outcome == Outcome::kSafe) pop(doubts_, std::less<>());
    }
  }

 private:
  template <class Order>
  static void pop(std::vector<Label>& heap, Order order) {
    std::pop_heap(heap.begin(), heap.end(), order);
    heap.pop_back();
  }

  template <class Order>
  static void push(std::vector<Label>& heap, double cost, int32_t node, Order order) {
    heap.emplace_back(cost, node);
    std::push_heap(heap.begin(), heap.end(), order);
  }

  // Follows the edges of `u` and returns the work. Labels below `limit` are followed in their turn.
  int64_t follow(int32_t u, double cost, double limit) {
    nodes_[u].followed = true;
    int64_t work = 1;
    for (const PathEdge& edge : edges_of(graph_.out, u)) {
      const double sum = cost + edge.cost;
      if (sum >= horizon_) break;  // neither this edge nor a more expensive one beats a node
      ++work;
      Node& v = nodes_[edge.to];
      if (!(sum < v.best)) continue;
      if (v.best == kInfinity) touched_.push_back(edge.to);
      v.best = sum;
      v.followed = false;
      v.beaten = v.near;
      if (sum < limit) push(queue_, sum, edge.to, std::greater<>());
    }
    return work;
  }

  enum class Outcome { kSafe, kBeaten, kTied, kLater };

  // Searches backward from `target`, given the cheapest open label `front`. Returns kLater once its work exceeds that
  // of all previous searches.
  Outcome search_cheaper_path(int32_t target, double front, int64_t forward, int64_t& backward) {
    const double low = nodes_[target].best * (1.0 - margin_), high = nodes_[target].best * (1.0 + margin_);
    const int64_t most = backward + forward;
    Outcome outcome = Outcome::kSafe;
    back_queue_.assign(1, {0.0, target});
    back_touched_.assign(1, target);
    back_[target] = 0.0;
    while (!interrupt_.came() && !back_queue_.empty() && front + back_queue_.front().first < high && outcome != Outcome::kBeaten) {
      const auto [way, u] = back_queue_.front();
      pop(back_queue_, std::greater<>());
      if (way != back_[u]) continue;
      if (u != target && !nodes_[u].followed && nodes_[u].best + way < high) outcome = Outcome::kTied;
      if (backward > most) {
        outcome = Outcome::kLater;
        break;
      }
      ++backward;
      for (const PathEdge& edge : edges_of(graph_.into, u)) {
        const double sum = way + edge.cost;
        if (front + sum >= high) break;
        ++backward;
        const Node& w = nodes_[edge.to];
        // A followed node with a label not above the front is settled, and its edges have been followed.
        if ((w.followed && w.best <= front) || !(sum < back_[edge.to])) continue;
        if (w.best + sum < low) {
          outcome = Outcome::kBeaten;
          break;
        }
        if (back_[edge.to] == kInfinity) back_touched_.push_back(edge.to);
        back_[edge.to] = sum;
        push(back_queue_, sum, edge.to, std::greater<>());
      }
    }
    for (const int32_t u : back_touched_) back_[u] = kInfinity;
    return outcome;
  }

 protected:
  const PathGraph& graph_;
  const Interrupt interrupt_;
  std::vector<Node> nodes_;
  std::vector<int32_t> touched_;
  std::vector<Label> doubts_;

 private:
  std::vector<double> back_;  // backward distance of a node to the target
  std::vector<int32_t> back_touched_;
  std::vector<Label> queue_, back_queue_;
  double margin_;
  double horizon_ = 0.0;  // the largest b(v)
};

}  // namespace graphkit
