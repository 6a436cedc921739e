// A Go slice as JSON shows it: a vector that remembers whether it was null or [], so that what we
// echo is what we were given. A default one is null; one made from items, even from none, is not.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

namespace diego {

template <class T>
class Slice : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  Slice() = default;
  Slice(std::initializer_list<T> items) : std::vector<T>(items), made_(true) {}
  Slice(std::vector<T> items) : std::vector<T>(std::move(items)), made_(true) {}

  // Written as null rather than []. Never true of a slice with items.
  bool null() const { return !made_ && this->empty(); }

  bool operator==(const Slice& other) const {
    return null() == other.null() &&
           static_cast<const std::vector<T>&>(*this) == static_cast<const std::vector<T>&>(other);
  }

 private:
  bool made_ = false;
};

}  // namespace diego
