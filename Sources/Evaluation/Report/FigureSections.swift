import Foundation

/// The figures of a study as parts of a page; each adds a section with its heading.
extension HTMLPage {
  /// Loss and validation Dice by epoch: each method's mean over its runs with their range, and a table of the runs.
  public mutating func trainingCurves(_ curves: [TrainingCurve]) {}

  /// The representation before and after the intervention, coloured by site and by class, with neighbour purities.
  public mutating func featureMaps(_ figure: FeatureFigure) {}

  /// The attention over the confounders by site.
  public mutating func attention(_ figure: AttentionFigure) {}

  /// How often pixels are lesion where a method says how likely they are, and how many pixels that is about.
  ///
  /// - Parameters:
  ///   - series: one for each method.
  ///   - text: what was pooled and the errors in numbers, such as ECE by method.
  public mutating func reliability(_ series: [ReliabilityPlot.Series], text: String) {}

  /// The gallery, its pictures embedded.
  ///
  /// - Parameters:
  ///   - figure: what to show.
  ///   - folder: where its files are (`StoredFigures.folder`).
  /// - Throws: `FileError` that names a picture that cannot be read.
  public mutating func gallery(_ figure: GalleryFigure, in folder: URL) throws {}

  /// A score over a number that was varied, such as dictionary size or depth, with a table of all that goes with it.
  ///
  /// - Parameters:
  ///   - heading: of the section.
  ///   - text: what was varied and what was kept.
  ///   - variable: the name of the number.
  ///   - score: the name of the score.
  ///   - points: one for each value.
  ///   - columns: further columns of the table, such as parameters and latency.
  public mutating func curve(
    _ heading: String, _ text: String, variable: String, score: String, points: [CurvePoint],
    columns: [String] = []
  ) {}

  /// Parameters and latency by method.
  public mutating func costs(_ figure: CostFigure) {}
}

/// One value of a number that was varied.
public struct CurvePoint: Equatable, Sendable {
  /// The value.
  public let x: Double
  /// The score there; nil when it was not run.
  public let score: Interval?
  /// What stands in the further columns of the table.
  public let cells: [String]

  /// Joins the parts.
  public init(x: Double, score: Interval?, cells: [String] = []) {
    self.x = x
    self.score = score
    self.cells = cells
  }
}
