import Torch

/// Cells of similar descriptors.
///
/// Each descriptor is compared with those of near cells only. This is an inverted file (Jégou et
/// al.: Product Quantization for Nearest Neighbor Search, TPAMI 2011, as in FAISS). Of n descriptors,
/// 8·√n are drawn as centres, and three rounds of spherical k-means move them. A descriptor is a
/// member of its 2 closest cells and looks for similar ones in its 48 closest. So a comparison of two
/// needs one of them to find a cell of the other. Work for a million: 23·n·√n·768 multiply-adds, 1/43
/// of n²·768. Draws have a fixed seed.
///
/// Memory, for n descriptors: 400 bytes each, and 0.3 GiB for any n.
struct DescriptorCells {
  /// The number of the closest cells of which a descriptor is a member.
  static let homes = 2
  /// The number of the closest cells in which a descriptor looks for similar ones.
  static let probes = 48
  private static let rounds = 3
  private static let samplesPerCell = 16
  private static let block = 1024
  /// The most descriptors of one side that are compared at once.
  private static let side = 4096

  /// The descriptors, float16 N×d, of norm 1.
  private let rows: Tensor
  /// The rows that take part, in increasing order.
  private let entries: [Int32]
  private let centres: Int
  /// The closest cells of each entry, the closest first.
  private let nearest: [Int32]
  private let probes: Int

  /// Sorts descriptors into cells.
  ///
  /// - Parameters:
  ///   - rows: the descriptors, float16 N×d.
  ///   - entries: the rows that take part, at least one.
  ///   - progress: receives the finished share of all work, from 0 to 1.
  /// - Throws: `TorchError` if memory does not suffice.
  init(_ rows: Tensor, _ entries: [Int], progress: (Double) -> Void) throws {
    self.rows = rows
    self.entries = entries.map(Int32.init)
    let count = entries.count
    centres = max(1, min(count, Int(8 * Double(count).squareRoot())))
    probes = min(Self.probes, centres)
    let sample = try Self.sample(self.entries, min(count, Self.samplesPerCell * centres))
    var middles = try Self.part(rows, sample[..<centres])
    for round in 0..<Self.rounds {
      middles = try Self.moved(middles, rows, sample)
      progress(0.15 * Double(round + 1) / Double(Self.rounds))
    }
    let transposed = try middles.transposed()
    var nearest: [Int32] = []
    nearest.reserveCapacity(count * probes)
    for start in stride(from: 0, to: count, by: Self.block) {
      let part = self.entries[start..<min(count, start + Self.block)]
      let closest = try Self.part(rows, part).matmul(transposed).largest(probes, dim: 1).indices
      nearest += try closest.flattened().to(.int32).array(of: Int32.self)
      progress(0.15 + 0.35 * Double(start + part.count) / Double(count))
    }
    self.nearest = nearest
  }

  /// Visits the similar descriptors of every cell.
  ///
  /// - Parameters:
  ///   - threshold: the minimum similarity of a descriptor with any other.
  ///   - progress: receives the finished share of all work, from 0 to 1.
  ///   - body: receives similarities, float32 Q×M, and the rows of both sides. Each of the Q has a
  ///     similarity above the threshold, which may be that with itself.
  /// - Throws: `TorchError` if memory does not suffice, or the error of the body.
  func visit(
    above threshold: Float, progress: (Double) -> Void,
    _ body: (_ similarity: Tensor, _ first: [Int32], _ second: [Int32]) throws -> Void
  ) throws {
    let (members, seekers) = (lists(min(Self.homes, probes)), lists(probes))
    for cell in 0..<centres {
      for seconds in pieces(members, cell) {
        let other = try Self.part(rows, seconds[...]).transposed()
        for firsts in pieces(seekers, cell) {
          let similarity = try Self.part(rows, firsts[...]).matmul(other)
          let best = try similarity.max([1]).floats()
          let wanted = best.indices.filter { best[$0] > threshold }
          guard !wanted.isEmpty else { continue }
          try body(similarity.indexed(Tensor(wanted)), wanted.map { firsts[$0] }, seconds)
        }
      }
      progress(0.5 + 0.5 * Double(cell + 1) / Double(centres))
    }
  }

  /// Entries by cell: those of cell c are at `starts[c]..<starts[c + 1]`.
  private typealias Lists = (starts: [Int], entries: [Int32])

  /// Lists the rows that have each cell among their closest.
  private func lists(_ depth: Int) -> Lists {
    var starts = [Int](repeating: 0, count: centres + 1)
    for entry in entries.indices {
      for place in 0..<depth { starts[Int(nearest[entry * probes + place]) + 1] += 1 }
    }
    for cell in 0..<centres { starts[cell + 1] += starts[cell] }
    var next = starts
    var listed = [Int32](repeating: 0, count: entries.count * depth)
    for entry in entries.indices {
      for place in 0..<depth {
        let cell = Int(nearest[entry * probes + place])
        listed[next[cell]] = entries[entry]
        next[cell] += 1
      }
    }
    return (starts, listed)
  }

  private func pieces(_ lists: Lists, _ cell: Int) -> [[Int32]] {
    let range = lists.starts[cell]..<lists.starts[cell + 1]
    return stride(from: range.lowerBound, to: range.upperBound, by: Self.side).map {
      Array(lists.entries[$0..<min(range.upperBound, $0 + Self.side)])
    }
  }

  /// Draws entries without repetition.
  private static func sample(_ entries: [Int32], _ count: Int) throws -> [Int32] {
    let order = try Tensor.randomPermutation(
      entries.count, generator: Generator(seed: 0, for: "near-duplicates"))
    return try order.narrowed(dim: 0, start: 0, length: count).array(of: Int.self).map { entries[$0] }
  }

  /// Moves every centre to the mean of the descriptors to which it is the closest.
  private static func moved(_ centres: Tensor, _ rows: Tensor, _ sample: [Int32]) throws -> Tensor {
    let transposed = try centres.transposed()
    var sums = try centres.zerosLike()
    for start in stride(from: 0, to: sample.count, by: block) {
      let part = try part(rows, sample[start..<min(sample.count, start + block)])
      let closest = try part.matmul(transposed).argmax(dim: 1)
      sums = try sums.scatteredSum(
        dim: 0, index: closest.expandedDimension(1).expanded(to: part.shape), source: part)
    }
    let isUsed = try sums.norm(dims: [1], keepDimensions: true).greater(than: 1e-6)
    return try isUsed.choose(sums.normalized(dim: 1), else: centres)
  }

  /// Returns descriptors as float32.
  private static func part(_ rows: Tensor, _ indices: ArraySlice<Int32>) throws -> Tensor {
    try rows.indexed(Tensor(Array(indices))).to(.float32)
  }
}

/// The closest few others of each image.
struct ClosestImages {
  private let width: Int
  private var others: [Int32]
  private var similarities: [Float]

  /// Starts without any.
  init(count: Int, width: Int) {
    self.width = width
    others = Array(repeating: -1, count: count * width)
    similarities = Array(repeating: -.infinity, count: count * width)
  }

  /// Adds an image, unless others are closer; of equal ones, the first in order stay.
  mutating func add(_ other: Int32, _ similarity: Float, to image: Int) {
    let places = image * width..<(image + 1) * width
    guard !others[places].contains(other) else { return }
    var place = places.upperBound
    while place > places.lowerBound,
      (similarity, -other) > (similarities[place - 1], -others[place - 1])
    {
      place -= 1
      if place + 1 < places.upperBound {
        (others[place + 1], similarities[place + 1]) = (others[place], similarities[place])
      }
    }
    guard place < places.upperBound else { return }
    (others[place], similarities[place]) = (other, similarity)
  }

  /// The pairs of several lists, the lower number first, in order and without repetition.
  static func pairs(_ lists: ClosestImages...) -> [(first: Int, second: Int)] {
    var found: [Int] = []
    for list in lists {
      for place in list.others.indices where list.others[place] >= 0 {
        let (image, other) = (place / list.width, Int(list.others[place]))
        found.append(min(image, other) << 32 | max(image, other))
      }
    }
    found.sort()
    return found.indices.filter { $0 == 0 || found[$0] != found[$0 - 1] }.map {
      (found[$0] >> 32, found[$0] & 0xFFFF_FFFF)
    }
  }
}
