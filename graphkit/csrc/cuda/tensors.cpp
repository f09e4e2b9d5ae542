// Validation of tensors, and allocations for kernels.
#include "tensors.h"

#include <stdexcept>
#include <string>

namespace graphkit {
namespace {

bool is_index(const Tensor& t) {
  return t.dim() == 1 && t.scalar_type() == ScalarType::Long && is_on_device(t) && t.is_contiguous();
}

GroupsFound find_groups(const Groups* groups, const Indices* first, const Indices* second, const Tensor& like,
                        const OnDeviceOf& on) {
  Tensor scratch = torch::stable::new_empty(like, {2}, ScalarType::Int);
  GroupsFound found;
  raise_if(graphkit_find_groups(groups, first, second, scratch.mutable_data_ptr<int32_t>(), on.stream(), &found));
  return found;
}

}  // namespace

void raise_if(const char* error) {
  if (error != nullptr) throw std::runtime_error(std::string("a CUDA kernel of graphkit failed: ") + error);
}

int number_type(const Tensor& x, const char* name) {
  STD_TORCH_CHECK(is_on_device(x), "`", name, "` must be on a CUDA device");
  switch (x.scalar_type()) {
    case ScalarType::Float: return kFloat32;
    case ScalarType::Double: return kFloat64;
    case ScalarType::Half: return kFloat16;
    case ScalarType::BFloat16: return kBFloat16;
    default: STD_TORCH_CHECK(false, "`", name, "` must be float32, float64, float16 or bfloat16");
  }
  return -1;
}

ScalarType sum_type(int type) { return type == kFloat64 ? ScalarType::Double : ScalarType::Float; }

std::vector<int64_t> with_rows(const Tensor& x, int64_t rows) {
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
  sizes[0] = rows;
  return sizes;
}

int64_t row_width(const Tensor& x) {
  int64_t width = 1;
  for (int64_t k = 1; k < x.dim(); ++k) width *= x.size(k);
  return width;
}

Groups trust_groups(const Tensor& ptr, int64_t rows, int64_t longest) {
  STD_TORCH_CHECK(is_index(ptr) && ptr.size(0) >= 1,
                  "`ptr` must be a contiguous int64 vector on the CUDA device, with one number more than groups");
  return {ptr.const_data_ptr<int64_t>(), ptr.size(0) - 1, rows, longest, rows > longest};
}

Groups check_groups(const Tensor& ptr, int64_t rows, int64_t longest, const OnDeviceOf& on, const Indices* first,
                    const Indices* second) {
  Groups groups = trust_groups(ptr, rows, longest);
  const GroupsFound found = find_groups(&groups, first, second, ptr, on);
  STD_TORCH_CHECK(found.sound, "`ptr` must rise from 0 to the number of rows, and edges and paths must name nodes that "
                               "exist");
  groups.any_long = found.any_long;
  return groups;
}

NodeEdges trust_neighbors(const Tensor& ptr, const Tensor& neighbors, int64_t nodes, const Tensor& x, int64_t places,
                          const OnDeviceOf& on) {
  STD_TORCH_CHECK(is_on_device(neighbors) && neighbors.scalar_type() == ScalarType::Int && neighbors.dim() == 2 &&
                      (neighbors.size(1) == 1 || neighbors.size(1) == 2) && neighbors.is_contiguous(),
                  "`neighbors` must be contiguous int32 [E, 1] or [E, 2] on the CUDA device");
  const int64_t rows = x.size(0) == 0 || places == 0 ? 0 : neighbors.size(0);
  Groups groups = trust_groups(ptr, rows, kLongestGroup);
  STD_TORCH_CHECK(groups.count == nodes, "`ptr` must hold one number more than there are nodes");
  if (rows >= GRAPHKIT_MANY_ROWS) {
    const GroupsFound found = find_groups(&groups, nullptr, nullptr, ptr, on);
    groups.any_long = found.any_long || !found.sound;  // or not all rows are in groups
  }
  return {groups, neighbors.const_data_ptr<int32_t>(), neighbors.size(1), x.size(0), places, x.size(1), x.size(2)};
}

Indices indices_of(const Tensor& index, int64_t bound) {
  const bool wide = index.scalar_type() == ScalarType::Long;
  STD_TORCH_CHECK(is_on_device(index) && index.is_contiguous() && (wide || index.scalar_type() == ScalarType::Int),
                  "edges and paths must be contiguous int64 or int32 tensors on the CUDA device");
  return {wide ? index.const_data_ptr<int64_t>() : nullptr, wide ? nullptr : index.const_data_ptr<int32_t>(),
          index.numel(), bound};
}

void check_indices(const Tensor& like, const OnDeviceOf& on, const Indices& first, const Indices& second) {
  const GroupsFound found = find_groups(nullptr, &first, &second, like, on);
  STD_TORCH_CHECK(found.sound, "an edge names a node that does not exist");
}

Tensor make_parts(const Tensor& x, const Groups& groups, int64_t width, ScalarType type) {
  const int64_t slots = groups.any_long ? count_slots(groups.rows, groups.longest) : 0;
  return torch::stable::new_empty(x, {slots, width}, type);
}

}  // namespace graphkit
