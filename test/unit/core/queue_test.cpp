#include "scheduler/core/queue.hpp"

#include <catch2/catch.hpp>

namespace core {
namespace {

using namespace std::chrono_literals;

// A queue with instances to put into it.
struct Waiting {
  Item& item(Key key, std::int32_t mem_mb, const std::string& rootfs = "preloaded:fs") {
    Item& item = items.add(key);
    diego::PlacementConstraint constraint;
    constraint.rootfs = rootfs;
    diego::Resource resource;
    resource.memory_mb = mem_mb;
    item.wish = wishes.of("apps", constraint, resource);
    item.accepted = base::Time{1h};
    return item;
  }
  Item& lrp(const std::string& guid, std::int32_t index, std::int32_t mem_mb = 100) {
    return item({Kind::lrp, guid, index}, mem_mb);
  }
  Item& ready(Item& item) {
    queue.put_ready(item);
    return item;
  }
  // What a pass hands out when everything is placed.
  std::vector<std::string> order() {
    std::vector<std::string> order;
    Queue::Pass pass(queue);
    while (Item* item = pass.next()) {
      order.push_back(to_string(item->key()));
      queue.plan(*item);
    }
    return order;
  }

  Config config;
  Wishes wishes{config};
  Items items;
  Queue queue;
};

}  // namespace

TEST_CASE("the best rank of all groups comes first", "[queue]") {
  Waiting waiting;
  waiting.ready(waiting.lrp("p", 1, 50));
  waiting.ready(waiting.item({Kind::task, "small", 0}, 10));
  waiting.ready(waiting.lrp("r", 2, 50));
  waiting.ready(waiting.item({Kind::task, "big", 0}, 20));
  waiting.ready(waiting.lrp("p", 0, 50));
  waiting.ready(waiting.lrp("q", 0, 90));
  waiting.ready(waiting.lrp("q", 1, 90));
  waiting.ready(waiting.lrp("b", 0, 50)).accepted = base::Time{1h};
  CHECK(waiting.queue.groups() == 4);
  CHECK(waiting.order() == std::vector<std::string>{"q.0", "b.0", "p.0", "big", "small", "q.1", "p.1", "r.2"});
  CHECK(waiting.queue.size() == 8);  // Planned ones wait, too.
  CHECK(waiting.queue.groups() == 0);
}

TEST_CASE("who has waited longer comes first among equals", "[queue]") {
  Waiting waiting;
  Item& later = waiting.lrp("a", 0);
  later.accepted += 1s;
  waiting.ready(later);
  waiting.ready(waiting.lrp("b", 0));
  CHECK(waiting.order() == std::vector<std::string>{"b.0", "a.0"});
}

TEST_CASE("a refusal drops its group from the pass and is everyone's reason in it", "[queue]") {
  Waiting waiting;
  Item& first = waiting.ready(waiting.lrp("p", 0, 900));
  Item& second = waiting.ready(waiting.lrp("q", 0, 900));
  Item& other = waiting.ready(waiting.lrp("r", 0, 10));
  Item& elsewhere = waiting.ready(waiting.item({Kind::lrp, "s", 0}, 900, "docker:///x"));
  {
    Queue::Pass pass(waiting.queue);
    std::vector<std::string> seen;
    while (Item* item = pass.next()) {
      seen.push_back(to_string(item->key()));
      pass.refuse(*item, "no room for " + seen.back());
    }
    CHECK(seen == std::vector<std::string>{"p.0", "s.0", "r.0"});
  }
  CHECK(Queue::reason_of_group(first) == "no room for p.0");
  CHECK(Queue::reason_of_group(second) == "no room for p.0");
  CHECK(Queue::reason_of_group(other) == "no room for r.0");
  CHECK(Queue::reason_of_group(elsewhere) == "no room for s.0");
  CHECK(waiting.queue.size() == 4);
  waiting.queue.room_may_have_grown();
  CHECK(waiting.order() == std::vector<std::string>{"p.0", "q.0", "s.0", "r.0"});
}

TEST_CASE("what was refused is not asked about again before room may have grown", "[queue]") {
  Waiting waiting;
  waiting.ready(waiting.lrp("p", 0, 900));
  {
    Queue::Pass pass(waiting.queue);
    pass.refuse(*pass.next(), "no room");
  }
  Item& later = waiting.ready(waiting.lrp("q", 0, 900));
  waiting.ready(waiting.lrp("r", 0, 10));
  CHECK(waiting.order() == std::vector<std::string>{"r.0"});
  CHECK(Queue::reason_of_group(later) == "no room");
  waiting.queue.room_may_have_grown();
  CHECK(waiting.order() == std::vector<std::string>{"p.0", "q.0"});
}

TEST_CASE("those that avoid an agent are a group of their own", "[queue]") {
  Waiting waiting;
  Item& careful = waiting.lrp("p", 0);
  careful.rarely().avoid = {"a1"};
  waiting.ready(careful);
  waiting.ready(waiting.lrp("q", 0));
  CHECK(waiting.queue.groups() == 2);
  waiting.queue.remove(careful);
  CHECK(waiting.queue.groups() == 1);
  CHECK(waiting.order() == std::vector<std::string>{"q.0"});
}

TEST_CASE("who backs off or awaits an offer is in no pass until the time is over", "[queue]") {
  Waiting waiting;
  const base::Time now{2h};
  Item& backs_off = waiting.lrp("p", 0);
  backs_off.until = now + 2s;
  waiting.queue.back_off(backs_off);
  CHECK_FALSE(waiting.queue.anything_waits());
  Item& awaits = waiting.lrp("q", 0);
  awaits.until = now + 1s;
  waiting.queue.await(awaits);
  CHECK(waiting.queue.anything_waits());
  CHECK(waiting.queue.size() == 2);
  CHECK(waiting.order().empty());
  CHECK(waiting.queue.next_due() == now + 1s);
  CHECK(waiting.queue.take_due(now).empty());
  CHECK(waiting.queue.take_due(now + 1s) == std::vector<Item*>{&awaits});
  CHECK(waiting.queue.take_due(now + 5s) == std::vector<Item*>{&backs_off});
  CHECK(waiting.queue.size() == 0);
  CHECK_FALSE(waiting.queue.next_due());
}

TEST_CASE("an item leaves the queue from wherever it waits", "[queue]") {
  const Waits waits = GENERATE(Waits::nowhere, Waits::ready, Waits::backing_off, Waits::awaiting, Waits::planned);
  Waiting waiting;
  Item& item = waiting.lrp("p", 0);
  if (waits == Waits::ready) waiting.queue.put_ready(item);
  if (waits == Waits::backing_off) waiting.queue.back_off(item);
  if (waits == Waits::awaiting) waiting.queue.await(item);
  if (waits == Waits::planned) waiting.queue.plan(item);
  CHECK(waiting.queue.size() == (waits == Waits::nowhere ? 0 : 1));
  CHECK(item.waits == waits);
  waiting.queue.remove(item);
  CHECK(waiting.queue.size() == 0);
  CHECK_FALSE(waiting.queue.anything_waits());
  CHECK_FALSE(waiting.queue.next_due());
  CHECK(waiting.order().empty());
}

TEST_CASE("a pass over many of a few kinds asks once per kind", "[queue]") {
  Waiting waiting;
  for (int i = 0; i < 10'000; ++i) waiting.ready(waiting.lrp("p" + std::to_string(i), 0, 100 + i % 7));
  std::size_t asked = 0;
  Queue::Pass pass(waiting.queue);
  while (Item* item = pass.next()) {
    ++asked;
    pass.refuse(*item, "full");
  }
  CHECK(asked == 7);
}

}  // namespace core
