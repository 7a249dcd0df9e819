"""Four partitions of 10,000 integers, sent through two computes, persisted and summed.

    dtset submit examples/seed.py
    dtset restart JOB_ID

The first run computes and persists; the second finds what the first persisted, in close to 0 s.
"""

from datetime import datetime

from dtset import SourceFunc, TSetContext, TSetEnvironment

env = TSetEnvironment(resources=[{"cpu": 1, "ram": 512, "instances": 4}])


class IntSource(SourceFunc):
    def __init__(self):
        self.i = 0

    def has_next(self):
        return self.i < 10000

    def next(self):
        res = self.i
        self.i = self.i + 1
        return res


def mul_by_five(itr, collector, ctx: TSetContext):
    for i in itr:
        collector.collect(i * 5)


def add_two(itr, collector, ctx: TSetContext):
    for i in itr:
        collector.collect(i + 2)


source_x = env.create_source(IntSource(), 4)

t1 = datetime.now()
two_computes = source_x.compute(mul_by_five).compute(add_two)
print(f"Time taken for two_computes {(datetime.now() - t1).total_seconds():.3f} s")

t1 = datetime.now()
persisted = two_computes.persist()
print(f"Time taken for persist {(datetime.now() - t1).total_seconds():.3f} s")

# What is persisted is a source for anything else: more operations can be added below it, and the job
# restarted, without computing what is above it again.
persisted.reduce(lambda i1, i2: i1 + i2).for_each(lambda i: print(f"SUM = {i}"))
