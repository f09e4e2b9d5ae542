// shortest_paths: one search per node, the choice of its cheapest paths, and the paths of all nodes put together.
#include "memory.h"
#include "shortest_paths_search.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <tuple>

namespace graphkit {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

struct Choice {
  int64_t max_hops;
  double ratio;  // 0 keeps all
  bool tree_degree, floor, self_paths;

  // Number of `count` paths with two or more hops that a node keeps.
  int64_t kept(int64_t count, int64_t degree) const {
    if (ratio == 0.0) return count;
    const double wish = ratio * double(degree);
    const double whole = floor ? std::floor(wish) : std::max(1.0, std::nearbyint(wish));
    return whole < double(count) ? int64_t(whole) : count;
  }
};

// The paths of a range of nodes: for each number of hops the nodes of one path after another, and the costs.
struct Found {
  std::vector<std::vector<int32_t>> nodes;
  std::vector<std::vector<double>> costs;
};

void collect(PathSearch& search, const Choice& choice, int32_t center, std::vector<PathSearch::Label>& order,
             Found& found) {
  search.run(center);
  if (search.is_stopped()) return;
  const auto& levels = search.levels();
  const int64_t degree = choice.tree_degree ? int64_t(levels[0].size()) : search.degree();
  for (int64_t h = 1; h <= choice.max_hops; ++h) {
    order = levels[h - 1];
    const int64_t count = int64_t(order.size()), kept = h == 1 ? count : choice.kept(count, degree);
    if (kept < count) {
      std::nth_element(order.begin(), order.begin() + kept, order.end());
      order.resize(kept);
    }
    std::sort(order.begin(), order.end());  // by cost, then by the far end
    auto& nodes = found.nodes[h - 1];
    for (const auto& [cost, far_end] : order) {
      int32_t v = far_end;
      for (int64_t k = 0; k < h; ++k, v = search.before(v)) nodes.push_back(v);
      nodes.push_back(center);
      found.costs[h - 1].push_back(cost);
    }
    if (choice.self_paths) {
      nodes.insert(nodes.end(), h + 1, center);
      found.costs[h - 1].push_back(0.0);
    }
  }
}

std::vector<Found> search_all(const PathGraph& graph, const Choice& choice, const int64_t* sources, int64_t count) {
  constexpr int64_t kBlock = 128;  // nodes that a thread takes at a time: hubs take far longer than others
  const int64_t num_blocks = (count + kBlock - 1) / kBlock;
  std::vector<Found> blocks(num_blocks);
  std::atomic<int64_t> next{0};
  const Interrupt interrupt;
  const auto work = [&](int64_t, int64_t) {
    if (next.load() >= num_blocks) return;
    PathSearch search(graph, choice.max_hops, interrupt);
    std::vector<PathSearch::Label> order;
    for (int64_t b = next++; b < num_blocks && !interrupt.came(); b = next++) {
      Found found;
      found.nodes.resize(choice.max_hops);
      found.costs.resize(choice.max_hops);
      for (int64_t k = b * kBlock; k < std::min(count, (b + 1) * kBlock); ++k) {
        collect(search, choice, int32_t(sources[k]), order, found);
      }
      blocks[b] = std::move(found);
    }
  };
  const int64_t threads = std::min<int64_t>(torch::stable::get_num_threads(), num_blocks);
  if (threads <= 1) work(0, 1);
  else torch::stable::parallel_for(0, threads, 1, work);
  interrupt.check();
  return blocks;
}

std::tuple<std::vector<Tensor>, std::vector<Tensor>> shortest_paths(
    const Tensor& edge_index, const std::optional<Tensor>& cost, const Tensor& sources, int64_t num_nodes,
    int64_t max_hops, double ratio, bool tree_degree, bool floor, bool self_paths) {
  STD_TORCH_CHECK(edge_index.is_cpu() && edge_index.scalar_type() == ScalarType::Long && edge_index.dim() == 2 &&
                      edge_index.size(0) == 2,
                  "`edge_index` must be int64 [2, E] on the CPU");
  const int64_t num_edges = edge_index.size(1);
  STD_TORCH_CHECK(!cost.has_value() || (cost->is_cpu() && cost->scalar_type() == ScalarType::Double &&
                                        cost->dim() == 1 && cost->size(0) == num_edges),
                  "`cost` must be float64 [E] on the CPU");
  STD_TORCH_CHECK(sources.is_cpu() && sources.scalar_type() == ScalarType::Long && sources.dim() == 1,
                  "`sources` must be an int64 vector on the CPU");
  STD_TORCH_CHECK(num_nodes >= 0 && num_nodes <= std::numeric_limits<int32_t>::max(), "there must be < 2^31 nodes");
  STD_TORCH_CHECK(max_hops >= 1 && max_hops <= std::numeric_limits<uint16_t>::max() && ratio >= 0.0,
                  "`max_hops` must be 1 to 65535, and `ratio` no less than 0");
  const Tensor edges = torch::stable::contiguous(edge_index), from = torch::stable::contiguous(sources);
  const int64_t* first = from.const_data_ptr<int64_t>();
  for (int64_t k = 0; k < from.size(0); ++k) {
    STD_TORCH_CHECK(first[k] >= 0 && first[k] < num_nodes, "`sources` names a node that does not exist");
  }
  std::optional<Tensor> contiguous_cost;
  if (cost.has_value()) contiguous_cost = torch::stable::contiguous(*cost);
  const double* costs = cost.has_value() ? contiguous_cost->const_data_ptr<double>() : nullptr;
  const int64_t* source = edges.const_data_ptr<int64_t>();
  for (int64_t k = 0; k < 2 * num_edges; ++k) {
    STD_TORCH_CHECK(source[k] >= 0 && source[k] < num_nodes, "an edge names a node that does not exist");
  }
  for (int64_t e = 0; e < num_edges && costs != nullptr; ++e) {
    STD_TORCH_CHECK(costs[e] >= 0.0, "a cost is negative or not a number");
  }
  const PathGraph graph = make_path_graph(source, source + num_edges, costs, num_edges, num_nodes);
  std::vector<Found> blocks = search_all(graph, {max_hops, ratio, tree_degree, floor, self_paths}, first,
                                         from.size(0));

  const Interrupt interrupt;
  std::vector<Tensor> paths, path_costs;
  for (int64_t h = 1; h <= max_hops; ++h) {
    int64_t total = 0, at = 0;
    for (const Found& found : blocks) total += int64_t(found.costs[h - 1].size());
    paths.push_back(empty_result(edges, {h + 1, total}));
    path_costs.push_back(empty_result(edges, {total}, ScalarType::Double));
    int64_t* rows = paths.back().mutable_data_ptr<int64_t>();
    double* to = path_costs.back().mutable_data_ptr<double>();
    for (Found& found : blocks) {
      interrupt.check();
      const auto nodes = std::move(found.nodes[h - 1]);  // freed at the end of the iteration
      const auto sums = std::move(found.costs[h - 1]);
      for (size_t p = 0; p < sums.size(); ++p, ++at) {
        to[at] = sums[p];
        for (int64_t k = 0; k <= h; ++k) rows[k * total + at] = nodes[p * (h + 1) + k];
      }
    }
  }
  return {std::move(paths), std::move(path_costs)};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "shortest_paths(Tensor edge_index, Tensor? cost, Tensor sources, SymInt num_nodes, int max_hops, float ratio, "
      "bool tree_degree, bool floor, bool self_paths) -> (Tensor[], Tensor[])");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("shortest_paths", TORCH_BOX(&graphkit::shortest_paths));
}
