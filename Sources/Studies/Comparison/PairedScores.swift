import Metrics
import Statistics
import Torch

/// The scores of arms on the images of one site, paired by image.
struct PairedScores {
  /// The site.
  let name: String
  /// The group of each image, numbered from 0 in the order of appearance, as in a study.
  let labels: [Int]
  /// The number of groups.
  let groups: Int
  /// The number of different images, which may have several classes each.
  let images: Int
  /// Whether each image shows a lesion.
  let hasLesion: [Bool]
  /// The score of each image, by arm and measure: the mean over the runs that define it.
  let values: [[PairedMeasure: [Double?]]]
  /// The scores by arm, run and image.
  private let runs: [[[ImageScores]]]

  /// Pairs the scores of a site.
  ///
  /// - Throws: `StudyError.otherImages` if the scores are of different images, `StudyError.empty`
  ///   if an arm has no run or there is no image.
  init(_ place: RunComparison.Place) throws {
    guard let first = place.arms.first?.runs.first, !first.isEmpty,
      place.arms.allSatisfy({ !$0.runs.isEmpty })
    else { throw StudyError.empty }
    for run in place.arms.flatMap(\.runs) {
      guard run.count == first.count,
        zip(run, first).allSatisfy({ $0.image == $1.image && $0.isSame(as: $1) })
      else { throw StudyError.otherImages(site: place.site) }
    }
    name = place.site
    var numbers: [String: Int] = [:]
    labels = first.map { image in
      let number = numbers[image.group] ?? numbers.count
      numbers[image.group] = number
      return number
    }
    groups = numbers.count
    images = Set(first.map(\.image)).count
    hasLesion = first.map { !$0.scores.referenceIsEmpty }
    runs = place.arms.map { $0.runs.map { $0.map(\.scores) } }
    values = place.arms.map { arm in
      Dictionary(
        uniqueKeysWithValues: PairedMeasure.allCases.map { measure in
          (measure, first.indices.map { image in average(arm.runs.map { measure.value($0[image].scores) }) })
        })
    }
  }

  /// The difference of two arms on each image; nil where one does not define the measure.
  ///
  /// Arms with as many runs are compared run by run, as a study compares seeds.
  func differences(_ measure: PairedMeasure, of candidate: Int, to reference: Int) -> [Double?] {
    let (own, others) = (runs[candidate], runs[reference])
    if own.count == others.count {
      return labels.indices.map { image in
        average(
          zip(own, others).map { own, other in
            measure.value(own[image]).flatMap { first in measure.value(other[image]).map { first - $0 } }
          })
      }
    }
    return zip(values[candidate][measure] ?? [], values[reference][measure] ?? []).map { first, second in
      first.flatMap { first in second.map { first - $0 } }
    }
  }

  /// The mean of each group that has a value.
  func byGroup(_ column: [Double?]) -> [Double] {
    var found = [[Double]](repeating: [], count: groups)
    for (label, value) in zip(labels, column) { if let value { found[label].append(value) } }
    return found.filter { !$0.isEmpty }.map { $0.reduce(0, +) / Double($0.count) }
  }
}

/// Intervals of columns of values at each site, and with several sites of the mean over them.
struct PairedStatistics {
  /// By place, then by column; nil where no image defines the value.
  ///
  /// The mean over sites is last.
  let intervals: [[Interval?]]

  /// Computes the intervals.
  ///
  /// - Parameters:
  ///   - sites: the sites, at least one.
  ///   - columns: for each site the columns, with a value for each image.
  ///   - draws: the resampled groups of each site.
  /// - Throws: `TorchError` if the shapes do not fit.
  init(_ sites: [PairedScores], _ columns: [[[Double?]]], _ draws: [GroupResampling]) throws {
    let sums = try zip(sites, columns).map { try GroupSums($1, of: $0.labels, groups: $0.groups) }
    let units = try sums.map { try $0.units() }
    let means = try zip(draws, sums).map { try $0.means($1) }
    let own = columns.map { $0.map { average($0) } }
    var intervals = try sites.indices.map { site in
      try Bootstrap.intervals(
        of: means[site], around: own[site], shortages: units[site].map { IndependentUnits.shortage($0) })
    }
    if sites.count > 1 {
      let all = columns[0].indices
      intervals.append(
        try Bootstrap.intervals(
          of: StudyScores.overSites(means, own),
          around: all.map { column in average(own.map { $0[column] }) },
          shortages: all.map { column in
            sites.indices.lazy.compactMap { site in
              own[site][column] == nil
                ? nil : IndependentUnits.shortage(units[site][column], at: sites[site].name)
            }.first
          }))
    }
    self.intervals = intervals
  }
}
