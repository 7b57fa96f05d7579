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

  /// Returns 1 where the border separates two images, 0 elsewhere; float32, rows×n.
  func divided(_ rows: Range<Int>) throws -> Tensor {
    func column(_ flags: [Bool]) throws -> (rows: Tensor, all: Tensor) {
      let all = try Tensor(flags.map { $0 ? Float(1) : 0 })
      let some = try all.narrowed(dim: 0, start: rows.lowerBound, length: rows.count)
      return (try some.expandedDimension(1), try all.expandedDimension(0))
    }
    let (trained, scored) = (try column(isTrained), try column(isScored))
    let numbers = try Tensor(sites.map { Float($0) })
    let own = try numbers.narrowed(dim: 0, start: rows.lowerBound, length: rows.count).expandedDimension(1)
    let isElsewhere = try (own - numbers.expandedDimension(0)).magnitude().clamped(max: 1)
    let crosses = try (trained.rows * scored.all).maximum(scored.rows * trained.all)
    return try isElsewhere * crosses
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
