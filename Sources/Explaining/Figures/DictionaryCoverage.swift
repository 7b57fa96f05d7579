import Metrics
import Statistics
import Torch

/// The separation of sites by a model's features and by the coordinates of its dictionary.
///
/// It has the values of one model.
package struct DictionaryCoverage {
  /// One value per site.
  package let sites: [CoverageFigure.Place]
  /// One value per entry.
  package let entries: [CoverageFigure.Entry]

  /// The known facts of n images.
  package struct Images {
    /// F, n×d.
    package var before: Tensor
    /// F_ca with all entries, n×d.
    package var after: Tensor
    /// F_ca without each entry, M of n×d.
    package var without: [Tensor]
    /// The image-level embedding, n×d.
    package var embedding: Tensor
    /// The cosine of the embedding with each entry, n×M.
    package var coordinates: Tensor
    /// The site of each image.
    package var sites: [String]
    /// The patient or sequence of each image.
    package var groups: [String]

    /// Makes a value from its parts.
    package init(
      before: Tensor, after: Tensor, without: [Tensor], embedding: Tensor, coordinates: Tensor,
      sites: [String], groups: [String]
    ) {
      self.before = before
      self.after = after
      self.without = without
      self.embedding = embedding
      self.coordinates = coordinates
      self.sites = sites
      self.groups = groups
    }
  }

  /// Measures a model; nil if no two sites have two groups each.
  ///
  /// - Parameters:
  ///   - images: the images.
  ///   - names: of the entries, M.
  ///   - probe: the probe that separates sites.
  /// - Throws: `TorchError` if the shapes do not match.
  package init?(_ images: Images, names: [String], probe: LinearProbe = LinearProbe()) throws {
    func choice(_ points: Tensor, from similar: LinearProbe.Choice? = nil) throws -> LinearProbe.Choice? {
      try probe.choice(points, labels: images.sites, groups: images.groups, from: similar)
    }
    func areas(_ points: Tensor) throws -> [String: Double]? { try choice(points)?.areas }
    guard let before = try areas(images.before), let whole = try choice(images.after),
      let embedding = try areas(images.embedding), let coordinates = try areas(images.coordinates)
    else { return nil }
    let after = whole.areas
    let alone = try probe.columns(images.coordinates, labels: images.sites, groups: images.groups)
    sites = try after.keys.sorted().compactMap { site in
      guard let first = before[site], let features = after[site], let image = embedding[site],
        let own = coordinates[site]
      else { return nil }
      return CoverageFigure.Place(
        site: site, before: first, features: features, embedding: image, coordinates: own,
        nearest: try Self.shifts(images.coordinates, at: images.sites.map { $0 == site }, names),
        entriesAlone: alone?[site].map { areas in
          zip(names, areas).map { CoverageFigure.EntryArea(name: $0, area: $1) }.sorted { $0.area > $1.area }
        })
    }
    entries = try zip(names, images.without).compactMap { name, points in
      guard let found = try choice(points, from: whole)?.areas else { return nil }
      let changes = found.compactMap { site, area in after[site].map { (site, area - $0) } }
      return CoverageFigure.Entry(
        name: name, area: Self.mean(found.sorted { $0.key < $1.key }.map(\.value)),
        change: Self.mean(changes.sorted { $0.0 < $1.0 }.map(\.1)),
        bySite: Dictionary(changes, uniquingKeysWith: { first, _ in first }))
    }
  }

  /// Computes the shift of each coordinate's mean at some images from the others.
  ///
  /// The largest shift comes first.
  private static func shifts(
    _ coordinates: Tensor, at here: [Bool], _ names: [String]
  ) throws -> [CoverageFigure.Neighbour] {
    func rows(_ side: Bool) throws -> Tensor {
      try coordinates.to(.float64).indexed(Tensor(here.indices.filter { here[$0] == side }))
    }
    let (own, others) = (try rows(true), try rows(false))
    // This is the spread within each side, with equal weights.
    let spread = try ((own.variance([0], correction: 0) + others.variance([0], correction: 0)) / 2)
      .squareRoot().clamped(min: 1e-12)
    let shift = try ((own.mean([0]) - others.mean([0])) / spread).doubles()
    return zip(names, shift).map { CoverageFigure.Neighbour(name: $0, shift: $1) }
      .sorted { abs($0.shift) > abs($1.shift) }
  }

  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0.5 : values.reduce(0, +) / Double(values.count)
  }
}
