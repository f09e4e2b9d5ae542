// The bidirectional_search for the nodes around a center: which of them can be reached more cheaply by a longer route.
//
// Each node v within a few hops starts with a cost b(v) that some route from the center attains. It is beaten if another
// route, of any length, costs less. A label is the cost of some known route to a node; a node is open while its edges
// have not been followed at its present label.
//
// Forwards: the cheapest open label d is followed next. A cheaper route to v that is still unknown must pass through an
// open node whose label is its distance, so it costs d at least up to there, and m(v) at least for its last edge, the
// cheapest edge into v. Hence v is safe once d + m(v) >= b(v), and the bidirectional_search ends when every v is safe or beaten, long
// before all of them are settled. For the same reason a label that is no less than the largest b(v) - m(v) of a v in
// doubt need not be followed.
//
// Backwards: where costs vary much this is not enough, the last few v keep the search going until it has seen most of
// the graph. So as much work again goes into searches back from the v that would keep it going longest. That v is beaten
// if a label and the way from there to v add up to less than b(v), and safe once d and any way that is left add up to
// no less. The two searches meet half way, and see about the square root of what one of them would see.
//
// Costs are added from the center outwards in float64. This addition is monotone: a <= b gives a + c <= b + c after
// rounding as well, which the argument needs. Where sums are formed in another order a margin covers the rounding of as
// many additions as there are nodes; what lies within it is left to the search from the center.
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

  struct Node {  // 16 bytes: in a large graph every look at a node waits for the memory
    double best = kInfinity;
    int32_t before = -1;
    uint16_t level = 0;
    bool followed : 1;  // not open
    bool near : 1;      // within H hops
    bool beaten : 1;    // and has a cheaper route than those
    bool waits : 1;     // in the next round of `spread`
    bool tied : 1;      // `search_cheaper_path` cannot tell
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

  // Expects labels in `nodes_`, the nodes that have one in `touched_`, and of those within a few hops m(v) in `doubts_`.
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
      if (nodes_[u].followed || cost != nodes_[u].best) {  // it has a better label by now
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
      if (sum >= horizon_) break;  // neither this nor a dearer edge beats anything
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

  // Searches backwards from `target`, while the cheapest open label is `front`. Gives up for now when it has done as much
  // work as all that went before.
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
        // What costs no more than the front and was followed is settled: all that it leads to has been taken in.
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
  std::vector<double> back_;  // what the way from a node to the one that is checked costs
  std::vector<int32_t> back_touched_;
  std::vector<Label> queue_, back_queue_;
  double margin_;
  double horizon_ = 0.0;  // the largest b(v)
};

}  // namespace graphkit
