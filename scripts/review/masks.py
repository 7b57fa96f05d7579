"""Masks as rows of 0 and 1, drawn by other means than the page's, and COCO's compressed run lengths."""

import math


def decode(text, width, height):
    """Rows of COCO's compressed run lengths."""
    counts, place = [], 0
    while place < len(text):
        value, shift = 0, 0
        while True:
            code = ord(text[place]) - 48
            value |= (code & 31) << shift
            place, shift = place + 1, shift + 5
            if not code & 32:
                break
        if code & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    pixels = [index % 2 for index, count in enumerate(counts) for _ in range(count)]
    assert len(pixels) == width * height, "the run lengths do not cover the picture"
    return [[pixels[x * height + y] for x in range(width)] for y in range(height)]


def encode(pixels, lesion):
    """Run lengths of a picture whose first pixels are lesion."""
    text = ""
    for number in [0, lesion, pixels - lesion]:
        more = True
        while more:
            bits, number = number & 31, number >> 5
            more = number != 0 or bits & 16 != 0
            text += chr((bits | 32 if more else bits) + 48)
    return text


def stroke(mask, points, size, value):
    """Draws a brush of so many pixels along points of the picture."""
    snap = (lambda v: math.floor(v) + 0.5) if size % 2 else (lambda v: math.floor(v + 0.5))
    points = [(snap(x), snap(y)) for x, y in points]
    for one, other in zip(points, points[1:] or points):
        for y, row in enumerate(mask):
            for x in range(len(row)):
                if distance((x + 0.5, y + 0.5), one, other) <= size / 2 + 1e-9:
                    row[x] = value


def distance(point, one, other):
    """The distance of a point from a line between two others."""
    dx, dy = other[0] - one[0], other[1] - one[1]
    length = dx * dx + dy * dy
    along = max(0, min(1, ((point[0] - one[0]) * dx + (point[1] - one[1]) * dy) / length)) if length else 0
    return math.hypot(point[0] - one[0] - along * dx, point[1] - one[1] - along * dy)


def polygon(mask, points):
    """Fills a polygon: a centre is inside if a line to the right crosses the outline an odd number of times."""
    for y, row in enumerate(mask):
        for x in range(len(row)):
            inside = False
            for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
                if (ay > y + 0.5) != (by > y + 0.5) and x + 0.5 < ax + (y + 0.5 - ay) / (by - ay) * (bx - ax):
                    inside = not inside
            if inside:
                row[x] = 1
