#!/usr/bin/env python3
"""Of which agents the scheduler asks for offers (Mesos 1.11), end to end."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import mesos_client
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp
from programs import expect, expect_equal, wait_for

AGENTS = ("--attributes", "zone:z1", "--attributes", "zone:z2;optional_placement_tags:other,segment",
          "--attributes", "zone:z3;optional_placement_tags:segments")
TAGGED = {"PlacementTags": ["segment"]}


def asked_of(cluster):
    """The expressions by which the master keeps agents away; None: it keeps none away."""
    [framework] = mesos_client.operator(cluster.master, "GET_FRAMEWORKS")["frameworks"]
    roles = framework.get("offer_constraints", {}).get("role_constraints", {})
    return {constraint["selector"]["attribute_name"]: constraint["predicate"]["text_matches"]["regex"]
            for group in roles["diego"]["groups"] for constraint in group["attribute_constraints"]} if roles else None


@case("where all that waits needs a tag, offers are asked of agents that may have it, and of all once more waits")
def _(bench):
    for codec in ("json", "protobuf"):
        cluster = LocalCluster(bench, flags=AGENTS, name=f"diego-local-{codec}")
        scheduler = Scheduler(bench, cluster.master, name=f"scheduler-{codec}", codec=codec)
        scheduler.post_lrps(lrp("big", [0], memory_mb=10_000_000, **TAGGED))
        wait_for("offers of some agents alone", lambda: asked_of(cluster), 20)
        expressions = asked_of(cluster)
        expect_equal(sorted(expressions), ["optional_placement_tags", "placement_tags"], "attributes")
        for expression in expressions.values():
            expect("(?:segment)" in expression, "the tag in the expression", expression)

        # The work that comes now finds the one agent there is for it.
        scheduler.post_lrps(lrp("fits", [0], **TAGGED))
        item = scheduler.wait_states({"fits.0": "running"})["fits.0"]
        expect_equal(scheduler.cells()[0]["zone"], "z2", f"zone of {item['agent_id']}")
        expect(asked_of(cluster), "the others still to be kept away", asked_of(cluster))

        scheduler.post_lrps(lrp("plain", [0], memory_mb=1500), lrp("too", [0], memory_mb=1500))
        scheduler.wait_states({"plain.0": "running", "too.0": "running"})
        wait_for("the others to be kept away again", lambda: asked_of(cluster), 20)
        scheduler.delete("/v1/lrps/big")
        wait_for("nobody to be kept away", lambda: asked_of(cluster) is None)
        expect_equal(scheduler.states()["plain.0"], "running", "plain.0 at the end")


if __name__ == "__main__":
    main()
