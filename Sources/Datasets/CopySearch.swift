import Storage
import Torch

/// A step of the search for copies after the images are read, for progress.
package enum CopyStep: Sendable {
  /// Descriptors are compared; the numbers are thousandths of the work.
  case comparing
  /// Thumbnails of similar images are read again and compared.
  case checking
}

/// Receives the step, the finished items and all of them.
package typealias CopyProgress = @Sendable (_ step: CopyStep, _ done: Int, _ total: Int) -> Void

extension NearDuplicates {
  /// Finds the similar pairs across the border, of any number of images.
  ///
  /// - Parameters:
  ///   - thumbnails: those of the border's images.
  ///   - border: which pairs count.
  ///   - withinSites: whether pairs of one site also count if their pixels may be the same.
  ///   - workers: the number of images that are read in parallel; nil for one per core.
  ///   - progress: receives the steps.
  ///   - reading: reads the thumbnail of an image again, on any thread.
  /// - Returns: each pair once, in the order of the images. Of more images than are compared in all
  ///   pairs, each of several equal ones makes one pair with another.
  /// - Throws: `TorchError` if memory does not suffice, or the error of `reading`.
  static func pairs(
    _ thumbnails: Thumbnails, border: Border, withinSites: Bool = false, workers: Int? = nil,
    progress: CopyProgress = { _, _, _ in }, reading: @escaping @Sendable (Int) throws -> Tensor
  ) throws -> [Pair] {
    guard let descriptors = thumbnails.descriptors else {
      return try pairs(thumbnails.all, border: border, withinSites: withinSites)
    }
    let hashes = thumbnails.hashes
    let equal = EqualImages(hashes, border)
    let candidates = try similar(
      descriptors, equal.representatives, border, withinSites: withinSites
    ) { progress(.comparing, Int(1000 * $0), 1000) }
    .filter { hashes[$0.first] != hashes[$0.second] }
    let checked = try check(candidates, workers: workers, progress, reading)
    var copies = equal.pairs(border, withinSites: withinSites)
    copies += checked.lazy.flatMap(equal.spread)
    copies.sort { ($0.first, $0.second, $0.similarity) < ($1.first, $1.second, $1.similarity) }
    var last: Pair?
    copies.removeAll { pair in
      defer { last = pair }
      return pair == last
    }
    return copies
  }

  /// Finds the closest few similar images of each by cells of descriptors.
  private static func similar(
    _ descriptors: Tensor, _ entries: [Int], _ border: Border, withinSites: Bool,
    progress: (Double) -> Void
  ) throws -> [(first: Int, second: Int)] {
    let crosses = border.dividesAny
    guard !entries.isEmpty, crosses || withinSites else { return [] }
    let columns = try Border.Columns(border)
    var across = ClosestImages(count: crosses ? border.samples.count : 0, width: candidates)
    var within = ClosestImages(count: withinSites ? border.samples.count : 0, width: candidates)
    func collect(
      _ similarity: Tensor, _ first: [Int32], _ second: [Int32], above least: Float,
      into closest: inout ClosestImages
    ) throws {
      let count = min(candidates, second.count)
      let best = try similarity.largest(count, dim: 1)
      let (values, places) = (try best.values.floats(), try best.indices.array(of: Int.self))
      for index in values.indices where values[index] > least {
        closest.add(second[places[index]], values[index], to: Int(first[index / count]))
      }
    }
    let cells = try DescriptorCells(descriptors, entries, progress: progress)
    let least = crosses ? candidateThreshold : sameThreshold
    try cells.visit(above: least, progress: progress) { similarity, first, second in
      let (own, other) = (try Tensor(first), try Tensor(second))
      if crosses {
        try collect(
          similarity * columns.divided(own, other), first, second, above: candidateThreshold, into: &across)
      }
      if withinSites {
        let isOther = try (own.expandedDimension(1).equals(other.expandedDimension(0))).not().to(.float32)
        try collect(
          similarity * (1 - columns.elsewhere(own, other)) * isOther, first, second, above: sameThreshold,
          into: &within)
      }
    }
    return ClosestImages.pairs(across, within)
  }

  /// Compares the thumbnails of pairs.
  private static func check(
    _ pairs: [(first: Int, second: Int)], workers: Int?, _ progress: CopyProgress,
    _ reading: @escaping @Sendable (Int) throws -> Tensor
  ) throws -> [Pair] {
    // 96 MiB.
    let most = 8192
    var known: [Int: Tensor] = [:]
    var found: [Pair] = []
    for start in stride(from: 0, to: pairs.count, by: block) {
      let part = pairs[start..<min(pairs.count, start + block)]
      let images = Set(part.flatMap { [$0.first, $0.second] })
      if known.count + images.count > most { known = known.filter { images.contains($0.key) } }
      let missing = images.filter { known[$0] == nil }.sorted()
      let read = try concurrentMap(count: missing.count, threads: workers) { try reading(missing[$0]) }
      for (image, thumbnail) in zip(missing, read) { known[image] = thumbnail }
      let first = try Tensor.stacked(part.compactMap { known[$0.first] })
      let second = try Tensor.stacked(part.compactMap { known[$0.second] })
      for (pair, similarity) in zip(part, try similarities(first, second).doubles())
      where similarity > threshold {
        found.append(Pair(first: pair.first, second: pair.second, similarity: min(1, similarity)))
      }
      progress(.checking, start + part.count, pairs.count)
    }
    return found
  }
}

/// Images of equal thumbnails.
///
/// One of them stands for all that are at the same site on the same side of the border.
private struct EqualImages {
  /// Which pairs of an image count.
  private struct Stand: Hashable {
    let site: Int
    let isTrained: Bool
    let isScored: Bool
  }

  /// The images that are compared, in order.
  let representatives: [Int]
  /// The images of equal thumbnails, by their stand in the order of their first; two or more images.
  private let classes: [[[Int]]]
  /// The other images that one stands for.
  private let others: [Int: [Int]]

  init(_ hashes: [ContentHash?], _ border: Border) {
    var first: [ContentHash: Int] = [:]
    var members: [Int: [Int]] = [:]
    for (image, hash) in hashes.enumerated() {
      guard let hash else { continue }
      if let known = first[hash] {
        members[known, default: [known]].append(image)
      } else {
        first[hash] = image
      }
    }
    classes = members.sorted { $0.key < $1.key }.map { _, images in
      Dictionary(grouping: images) { image in
        Stand(site: border.sites[image], isTrained: border.isTrained[image], isScored: border.isScored[image])
      }.values.sorted { $0[0] < $1[0] }
    }
    representatives =
      (first.values.filter { members[$0] == nil } + classes.flatMap { $0.map { $0[0] } }).sorted()
    others = Dictionary(
      uniqueKeysWithValues: classes.flatMap { $0 }.filter { $0.count > 1 }
        .map { ($0[0], Array($0.dropFirst())) })
  }

  /// The pairs of equal images: each image with the first across the border, and within its site.
  func pairs(_ border: Border, withinSites: Bool) -> [NearDuplicates.Pair] {
    func pair(_ one: Int, _ other: Int) -> NearDuplicates.Pair {
      NearDuplicates.Pair(first: min(one, other), second: max(one, other), similarity: 1)
    }
    return classes.flatMap { stands in
      let across = stands.flatMap { images in
        let other = stands.first { border.divides(images[0], $0[0]) }
        return other.map { other in images.map { pair($0, other[0]) } } ?? []
      }
      guard withinSites else { return across }
      let sites = Dictionary(grouping: stands) { border.sites[$0[0]] }.values
      return across
        + sites.flatMap { stands in
          let images = stands.flatMap { $0 }.sorted()
          return images.dropFirst().map { pair(images[0], $0) }
        }
    }
  }

  /// A pair of representatives, and those of the images that they stand for.
  func spread(_ pair: NearDuplicates.Pair) -> [NearDuplicates.Pair] {
    func with(_ one: Int, _ other: Int) -> NearDuplicates.Pair {
      .init(first: min(one, other), second: max(one, other), similarity: pair.similarity)
    }
    return [pair] + (others[pair.first] ?? []).map { with($0, pair.second) }
      + (others[pair.second] ?? []).map { with(pair.first, $0) }
  }
}
