#include "rig.hpp"

namespace core {

TEST_CASE("work is launched in Diego's order", "[work]") {
  Rig rig;
  rig.subscribe_and_suppress();
  AuctionsSubmitted batch;
  batch.auctions = {Rig::auction({Kind::lrp, "p", 1}, 50),    Rig::auction({Kind::task, "small", 0}, 10),
                    Rig::auction({Kind::task, "big", 0}, 20), Rig::auction({Kind::lrp, "p", 0}, 50),
                    Rig::auction({Kind::lrp, "q", 0}, 90),    Rig::auction({Kind::lrp, "q", 2}, 99)};
  rig.happen(batch);
  rig.offer("a1", 4000);
  std::vector<std::string> order;
  for (const auto& launch : rig.only<Accept>().launches) order.push_back(to_string(launch.key));
  CHECK(order == std::vector<std::string>{"q.0", "p.0", "big", "small", "p.1", "q.2"});
}

TEST_CASE("a re-sent auction refreshes what waits and never doubles it", "[work]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 100);
  const auto accepted = rig.view("p", 0).accepted;
  rig.pass(30s);
  rig.lrp("p", {0}, 200);
  rig.offer("a1", 4000);
  const auto accept = rig.only<Accept>();
  REQUIRE(accept.launches.size() == 1);
  CHECK(accept.launches[0].pieces[1].amount == 200);
  CHECK(rig.view("p", 0).accepted == accepted);
  rig.done();
  rig.lrp("p", {0}, 200);  // Launching now.
  rig.offer("a2", 4000);
  CHECK(rig.none<Accept>());
}

TEST_CASE("an auction for what runs changes nothing", "[work]") {
  Rig rig;
  rig.run_one();
  rig.lrp("p", {0});
  CHECK(rig.state("p", 0) == State::running);
  CHECK(rig.none<Revive>());
}

TEST_CASE("unlimited memory is charged the floor, no disk is asked for", "[work]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 0);
  rig.offer("a1", 4000);
  CHECK(rig.only<Accept>().launches[0].pieces ==
        std::vector<Piece>{{Dimension::cpus, 100, "c"}, {Dimension::mem, 64, "m"}});
}

TEST_CASE("the queue is bounded and says so", "[work]") {
  Config config;
  config.queue_max = 2;
  Rig rig(config);
  rig.lrp("p", {0, 1});
  const auto refused = rig.core.admits(1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() == "queue: is full: 2 instances wait, --queue-max is 2");
}

TEST_CASE("a guid too long for Mesos is dropped with a word", "[work]") {
  Rig rig;
  rig.subscribe();
  rig.done();
  rig.lrp(std::string(300, 'x'), {0});
  CHECK(rig.core.instances({}).empty());
  CHECK(rig.only<Note>().warning);
}

TEST_CASE("stopping what waits ends it at once", "[work]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0, 1});
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  CHECK(rig.state("p", 0) == State::stopped);
  CHECK(rig.state("p", 1) == State::queued);
  rig.happen(StopRequested{{Kind::lrp, "p", std::nullopt}});
  CHECK(rig.state("p", 1) == State::stopped);
  CHECK(rig.none<Kill>());
  CHECK(rig.all<Suppress>().size() == 1);
}

TEST_CASE("stopping what runs kills it, again and again until its end is heard of", "[work]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  CHECK(rig.only<Kill>() == Kill{"a1", task});
  CHECK(rig.state("p", 0) == State::stopping);
  rig.pass(11s);
  CHECK(rig.all<Kill>().size() == 3);
  rig.status(task, TaskState::killed, "a1");
  CHECK(rig.state("p", 0) == State::stopped);
  rig.done();
  rig.pass(30s);
  CHECK(rig.none<Kill>());
  CHECK(rig.none<Revive>());
}

TEST_CASE("an auction that comes while its instance is being stopped is placed afterwards", "[work]") {
  Rig rig;
  rig.run_one();
  const std::string task = rig.task_id("p", 0);
  rig.happen(StopRequested{{Kind::lrp, "p", 0}});
  rig.lrp("p", {0}, 300);
  rig.status(task, TaskState::killed, "a1");
  CHECK(rig.state("p", 0) == State::queued);
  rig.offer("a1", 4000, {*rig.executor_of("a1")});
  CHECK(rig.only<Accept>().launches[0].pieces[1].amount == 300);
  CHECK(rig.task_id("p", 0) != task);
}

TEST_CASE("what is never placed says why, keeps waiting, and is placed when room appears", "[work]") {
  Rig rig;
  rig.subscribe_and_suppress();
  rig.lrp("p", {0}, 5000);
  rig.offer("a1", 4000);
  rig.pass(31s);
  CHECK(rig.view("p", 0).reason == "insufficient resources: memory");
  bool warned = false;
  for (const auto& note : rig.all<Note>()) warned = warned || note.text.find("not placed for 30 s instance=p.0") == 0;
  CHECK(warned);
  rig.offer("a2", 9000);
  CHECK(rig.only<Accept>().agent_id == "a2");
}

TEST_CASE("ended instances are kept for an hour and no more than the bound", "[work]") {
  Config config;
  config.ended_max = 2;
  Rig rig(config);
  rig.subscribe();
  for (const int index : {0, 1, 2}) {
    rig.pass(1s);
    rig.lrp("p", {index});
    rig.happen(StopRequested{{Kind::lrp, "p", index}});
  }
  CHECK(rig.core.instances({}).size() == 2);
  rig.pass(61min);
  CHECK(rig.core.instances({}).empty());
}

TEST_CASE("stopping a whole process copes with ended instances leaving the books meanwhile", "[work]") {
  Config config;
  config.ended_max = 1;
  Rig rig(config);
  rig.subscribe();
  rig.lrp("p", {5});
  rig.happen(StopRequested{{Kind::lrp, "p", 5}});
  rig.pass(1s);
  rig.lrp("p", {0, 1}, 100'000);
  rig.happen(StopRequested{{Kind::lrp, "p", std::nullopt}});
  REQUIRE(rig.core.instances({}).size() == 1);
  CHECK(rig.state("p", 1) == State::stopped);
}

TEST_CASE("pages of instances follow each other without gap", "[work]") {
  Rig rig;
  rig.lrp("a", {0, 1, 10});
  rig.lrp("a-b", {0});
  rig.task("t");
  std::vector<Key> seen;
  InstanceQuery query;
  query.limit = 2;
  for (auto page = rig.core.instances(query); !page.empty(); page = rig.core.instances(query)) {
    for (const auto& view : page) seen.push_back(view.key);
    query.after = page.back().key;
  }
  CHECK(
      seen ==
      std::vector<Key>{
          {Kind::lrp, "a", 0}, {Kind::lrp, "a", 1}, {Kind::lrp, "a", 10}, {Kind::lrp, "a-b", 0}, {Kind::task, "t", 0}});
  CHECK(rig.core.instances({State::queued, "a", 10, std::nullopt}).size() == 3);
  CHECK(rig.core.instances({State::running, std::nullopt, 10, std::nullopt}).empty());
}

}  // namespace core
