"""Cluster scikit-learn's 1,797 handwritten digits by k-means, every iteration persisted.

    pip install "dtset[examples]"      # scikit-learn, for its digits
    dtset submit examples/kmeans.py
    python examples/kmeans.py --job-id digits

Kill it in the middle and start it again with the same job ID: the iterations that were committed are found, and it goes on
with the next, to the same centers.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from dtset import TSetContext, TSetEnvironment

Sums = tuple[np.ndarray, np.ndarray]


def images(ctx: TSetContext) -> Iterator[np.ndarray]:
    """Give the images of a partition as one array, 64 grey values each."""
    yield np.array_split(load_digits().data, ctx.parallelism)[ctx.index]


def nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    distances = (centers**2).sum(axis=1) - 2 * points @ centers.T
    found: np.ndarray = distances.argmin(axis=1)
    return found


def sums_by_center(points: np.ndarray, ctx: TSetContext) -> Sums:
    centers = ctx.get_input("centers").first()
    labels = nearest(points, centers)
    sums = np.zeros_like(centers)
    np.add.at(sums, labels, points)
    return sums, np.bincount(labels, minlength=len(centers))


def added(one: Sums, other: Sums) -> Sums:
    return one[0] + other[0], one[1] + other[1]


def means(sums: Sums) -> np.ndarray:
    totals, counts = sums
    averages: np.ndarray = totals / np.maximum(counts, 1)[:, np.newaxis]
    return averages


def first_images(count: int) -> Any:
    return lambda: [load_digits().data[:count]]


def share_of_commonest(labels: np.ndarray, digits: np.ndarray) -> float:
    """How many images are of the digit that is commonest in their cluster."""
    right = sum(np.bincount(digits[labels == label]).max() for label in np.unique(labels))
    return float(right / len(digits))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--job-id", help="the job to resume, or to create")
    parser.add_argument("--clusters", type=int, default=10)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--most", type=int, default=50, help="iterations, if it does not converge")
    options = parser.parse_args()

    with TSetEnvironment("kmeans", job_id=options.job_id) as env:
        points = env.create_source(images, options.partitions).persist("images")
        centers = env.create_source(first_images(options.clusters), 1).persist("centers 0")
        assigned = points.map(sums_by_center)
        moved = assigned.reduce(added).map(means)
        before = centers.first()
        for iteration in range(1, options.most + 1):
            assigned.add_input("centers", centers)
            centers = moved.persist(f"centers {iteration}")
            now = centers.first()
            distance = float(np.abs(now - before).max())
            how = "found" if centers.hit else "computed"
            print(f"iteration {iteration}: moved by {distance:.3f}, {how}", flush=True)
            if distance == 0:
                break
            before = now
        data = load_digits()
        share = share_of_commonest(nearest(data.data, before), data.target)
        print(f"{share:.1%} are of the digit that is commonest in their cluster")
        print(f"centers {np.round(before, 6).sum():.6f}")


if __name__ == "__main__":
    main()
