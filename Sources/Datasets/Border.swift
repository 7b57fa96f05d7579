import Torch

/// The images of all sites, and which pairs of them a held-out site separates.
struct Border: Sendable {
  /// Every image of every site, without repetition.
  let samples: [Sample]
  /// The number of the site of each image.
  let sites: [Int]
  /// Whether each image is in training while another site is held out.
  let isTrained: [Bool]
  /// Whether each image is scored while its own site is held out.
  let isScored: [Bool]

  /// Lists the images.
  ///
  /// - Parameters:
  ///   - all: the sites.
  ///   - heldOut: the names of the sites that are held out in turn; nil for all.
  init(_ all: [Site], heldOut: [String]? = nil) {
    var (samples, sites, isTrained, isScored) = ([Sample](), [Int](), [Bool](), [Bool]())
    for (number, site) in all.enumerated() {
      let isHeldOut = heldOut?.contains(site.name) ?? true
      let own = site.samples.count
      let hasTests = site.allSamples.count > own
      for (index, sample) in site.allSamples.enumerated() {
        samples.append(sample)
        sites.append(number)
        isTrained.append(index < own)
        isScored.append(isHeldOut && (index >= own || !hasTests))
      }
    }
    self.samples = samples
    self.sites = sites
    self.isTrained = isTrained
    self.isScored = isScored
  }

  /// Returns whether some fold trains on one of two images and scores the other.
  func divides(_ first: Int, _ second: Int) -> Bool {
    sites[first] != sites[second]
      && (isTrained[first] && isScored[second] || isScored[first] && isTrained[second])
  }

  /// The facts of each image as tensors, for comparisons of many.
  struct Columns {
    private let sites: Tensor
    private let trained: Tensor
    private let scored: Tensor

    /// Copies the facts of a border's images.
    ///
    /// - Throws: `TorchError` if memory does not suffice.
    init(_ border: Border) throws {
      sites = try Tensor(border.sites.map { Float($0) })
      trained = try Tensor(border.isTrained.map { $0 ? Float(1) : 0 })
      scored = try Tensor(border.isScored.map { $0 ? Float(1) : 0 })
    }

    /// Returns 1 where the border separates two images, 0 elsewhere; float32, first×second.
    ///
    /// - Parameters:
    ///   - first: the numbers of images, int32 or int64.
    ///   - second: the numbers of others; nil for all.
    /// - Returns: the numbers.
    /// - Throws: `TorchError` if memory does not suffice.
    func divided(_ first: Tensor, _ second: Tensor? = nil) throws -> Tensor {
      let (trained, scored) = (try sides(trained, first, second), try sides(scored, first, second))
      let crosses = try (trained.0 * scored.1).maximum(scored.0 * trained.1)
      return try elsewhere(first, second) * crosses
    }

    /// Returns 1 where two images are of different sites, 0 elsewhere; float32, first×second.
    func elsewhere(_ first: Tensor, _ second: Tensor? = nil) throws -> Tensor {
      let (own, other) = try sides(sites, first, second)
      return try (own - other).magnitude().clamped(max: 1)
    }

    private func sides(
      _ facts: Tensor, _ first: Tensor, _ second: Tensor?
    ) throws -> (Tensor, Tensor) {
      (
        try facts.indexed(first).expandedDimension(1),
        try (second.map { try facts.indexed($0) } ?? facts).expandedDimension(0)
      )
    }
  }

  /// Whether some fold trains on an image of one site and scores one of another.
  var dividesAny: Bool {
    let (trained, scored) = (sites(where: isTrained), sites(where: isScored))
    return !trained.isEmpty && !scored.isEmpty && trained.union(scored).count > 1
  }

  private func sites(where flags: [Bool]) -> Set<Int> {
    Set(flags.indices.lazy.filter { flags[$0] }.map { sites[$0] })
  }

  /// Finds the patients and sequences on both sides: one pair per group and pair of sites.
  func groups() -> [LeakageReport.Finding] {
    let members = Dictionary(grouping: samples.indices.filter { samples[$0].statedGroup != nil }) {
      samples[$0].statedGroup ?? ""
    }
    return members.sorted { $0.key < $1.key }.flatMap { group, indices in
      let bySite = Dictionary(grouping: indices) { sites[$0] }.sorted { $0.key < $1.key }.map(\.value)
      return bySite.indices.flatMap { site in
        bySite[(site + 1)...].compactMap { others -> LeakageReport.Finding? in
          for first in bySite[site] {
            guard let second = others.first(where: { divides(first, $0) }) else { continue }
            return LeakageReport.Finding(
              kind: .group, first: .init(samples[first]), second: .init(samples[second]), group: group,
              similarity: nil)
          }
          return nil
        }
      }
    }
  }
}
