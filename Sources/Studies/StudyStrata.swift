import Metrics
import Statistics
import Torch

/// Scores on subsets of the images of all sites.
///
/// The subsets are lesion classes, lesion sizes, and images with and without a lesion.
struct StudyStrata {
  /// Lesions below this share of the image are small.
  static let smallBelow = 0.02
  /// Lesions above this share of the image are large.
  static let largeAbove = 0.1

  /// In the order class, size, reference, without empty strata.
  let rows: [StudyResults.Stratum]

  init(_ table: StudyTable, _ draws: [GroupResampling]) throws {
    let names = Self.names(table)
    let measures: [(ImageScores) -> Double?] = [{ $0.dice }, { $0.iou }]
    // There is one entry per site, with a column for each stratum, method and measure.
    let members = table.sites.map { site in
      names.map { kind, name in site.images.map { Self.name(of: $0, by: kind) == name } }
    }
    let columns = zip(table.sites, members).map { site, members in
      let values = table.methods.indices.flatMap { method in measures.map { site.values(method, $0) } }
      return members.flatMap { isMember in values.map { zip(isMember, $0).map { $0 ? $1 : nil } } }
    }
    guard let count = columns.first?.count, count > 0 else {
      rows = []
      return
    }
    var totals: (sums: Tensor, counts: Tensor)?
    var units: [[Int]] = []
    for ((site, draw), columns) in zip(zip(table.sites, draws), columns) {
      let sums = try site.sums(columns)
      units.append(try sums.units())
      let own = try draw.totals(sums)
      totals = try totals.map { try ($0.sums + own.sums, $0.counts + own.counts) } ?? own
    }
    // All units of a site are drawn, those of the stratum and others. A site with few of them would
    // hardly vary.
    let shortages = (0..<count).map { column in
      IndependentUnits.shortage(units.reduce(0) { $0 + $1[column] })
        ?? table.shortage(zip(table.sites, units).map { $1[column] == 0 ? nil : $0.groups })
    }
    let means = (0..<count).map { column in average(columns.flatMap { $0[column] }) }
    let intervals =
      try totals.map {
        try Bootstrap.intervals(of: $0.sums / $0.counts, around: means, shortages: shortages)
      } ?? []
    rows = names.indices.map { stratum in
      let parts = zip(table.sites, members).map { site, members in
        (
          count: members[stratum].count { $0 },
          groups: Set(zip(site.labels, members[stratum]).filter(\.1).map(\.0))
        )
      }
      return StudyResults.Stratum(
        kind: names[stratum].kind, name: names[stratum].name, count: parts.reduce(0) { $0 + $1.count },
        groups: parts.reduce(0) { $0 + $1.groups.count },
        methods: table.methods.enumerated().compactMap { method, name in
          let column = (stratum * table.methods.count + method) * measures.count
          guard let dice = intervals[column], let iou = intervals[column + 1] else { return nil }
          return StudyResults.Stratum.Means(method: name, dice: dice, iou: iou)
        })
    }
  }

  /// Returns the strata that contain an image.
  private static func names(_ table: StudyTable) -> [(kind: StudyResults.Stratum.Kind, name: String)] {
    let images = table.sites.flatMap(\.images)
    return StudyResults.Stratum.Kind.allCases.flatMap { kind in
      let found = Set(images.compactMap { name(of: $0, by: kind) })
      let order = kind == .lesionClass ? found.sorted() : ["small", "medium", "large", "lesion", "empty"]
      return order.filter(found.contains).map { (kind, $0) }
    }
  }

  /// Returns the stratum of an image; nil if it belongs to none of a kind.
  private static func name(of image: FoldResult.Image, by kind: StudyResults.Stratum.Kind) -> String? {
    let share = image.scores.referenceShare
    switch kind {
    // The class of a whole site says nothing about an image without a lesion.
    case .lesionClass: return image.scores.referenceIsEmpty ? nil : image.lesionClass
    case .size:
      if image.scores.referenceIsEmpty { return nil }
      return share < smallBelow ? "small" : share > largeAbove ? "large" : "medium"
    case .reference: return image.scores.referenceIsEmpty ? "empty" : "lesion"
    }
  }
}
