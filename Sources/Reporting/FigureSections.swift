import Explaining
import Foundation
import Imaging
import Metrics
import Statistics
import Storage
import Studies
import Torch

/// The figures of a study as parts of a page; each function adds a section with its heading.
extension HTMLPage {
  /// Adds loss and validation Dice by epoch.
  ///
  /// The plot shows the mean of each method over its runs and their range. A table lists the runs.
  package mutating func trainingCurves(_ curves: [TrainingCurve]) {
    section(
      "Training",
      "Each line is the mean over a method's models (one for each held-out site and seed), bands or strokes go from the "
        + "lowest to the highest of them. The loss is L_seg, which all methods have. Validation Dice is measured on images of the "
        + "sites that were trained on; the epoch was chosen on them.")
    var methods: [String] = []
    for curve in curves where !methods.contains(curve.method) { methods.append(curve.method) }
    func series(_ value: (TrainingCurve.Epoch) -> Double?) -> [LinePlot.Series] {
      methods.map { method in
        let epochs = curves.filter { $0.method == method }.flatMap(\.epochs)
        let byNumber = Dictionary(grouping: epochs, by: \.number)
        return LinePlot.Series(
          name: method,
          points: byNumber.keys.sorted().compactMap { number in
            let values = (byNumber[number] ?? []).compactMap(value).filter(\.isFinite)
            guard let low = values.min(), let high = values.max() else { return nil }
            let mean = values.reduce(0, +) / Double(values.count)
            return .init(x: Double(number), y: mean, range: values.count > 1 ? low...high : nil)
          })
      }
    }
    drawings([
      (LinePlot(series(\.segmentation), xName: "epoch", yName: "L_seg").svg, ""),
      (LinePlot(series(\.validationDice), xName: "epoch", yName: "validation Dice").svg, ""),
    ])
    details("every model (\(curves.count))") { page in
      page.table(
        ["held out", "method", "seed", "epochs", "chosen", "validation Dice there", "last L_seg"],
        curves.map { curve in
          let chosen = curve.epochs.first { $0.number == curve.chosen }
          return [
            curve.site, curve.method, "\(curve.seed)", "\(curve.epochs.count)",
            curve.chosen.map(String.init) ?? "–", Self.number(chosen?.validationDice),
            Self.number(curve.epochs.last?.segmentation),
          ]
        })
    }
  }

  /// Adds the representation before and after the intervention, with neighbour purities.
  ///
  /// Points are coloured by site and by class.
  package mutating func featureMaps(_ figure: FeatureFigure) {
    section(
      "Features before and after the intervention",
      "Each point is an image: the mean of its representation over the positions that the model uses, F before and F_ca "
        + "after the intervention, brought to the plane by t-SNE (perplexity "
        + "\(NumberText.text(figure.perplexity, decimals: 0))). Method \(figure.method), seed \(figure.seed), trained "
        + "without \(figure.heldOut); \(figure.items.count) of \(counted(figure.total, "image")), evenly from all sites, of the held-out site those "
        + "that it is scored on. Distances between groups mean little in such a map, so the table says in numbers, from the representation itself, how "
        + "many of an image's nearest neighbours are from its site or of its class. An intervention that does what it is "
        + "for lowers the first and keeps or raises the second.")
    let maps = [("before", figure.before)] + (figure.after.map { [("after", $0)] } ?? [])
    table(
      [
        "nearest neighbours", "from the same site", "by chance", "of the same class", "by chance",
        "t-SNE's KL",
      ],
      maps.map { name, map in
        [
          "\(name) (\(map.sitePurity?.neighbours ?? 0))", Self.number(map.sitePurity?.value),
          Self.number(map.sitePurity?.chance), Self.number(map.classPurity?.value),
          Self.number(map.classPurity?.chance), Self.number(map.divergence),
        ]
      })
    if figure.after == nil { paragraph("This method has no intervention: there is nothing after it.") }
    func plots(_ what: String, _ label: (FeatureFigure.Item) -> String) -> [(svg: String, caption: String)] {
      let labels = figure.items.map(label)
      let names = Set(labels).sorted()
      let codes = labels.map { names.firstIndex(of: $0) ?? 0 }
      return maps.map { name, map in
        (ScatterPlot("\(name), by \(what)", x: map.x, y: map.y, categories: codes, names: names).svg, "")
      }
    }
    drawings(plots("site") { $0.heldOut ? "\($0.site) (held out)" : $0.site })
    drawings(plots("class") { $0.lesionClass ?? "no class stated" })
  }

  /// Adds the attention over the confounders by site.
  package mutating func attention(_ figure: AttentionFigure) {
    let count = figure.rows.reduce(0) { $0 + $1.count }
    section(
      "Attention over the confounders",
      "How much each confounder of the dictionary weighs in the intervention, by site, each site under the model that "
        + "did not see it (\(figure.method), seed \(figure.seed), \(counted(count, "image"))). Softmax weights, mean over heads, "
        + "layers, positions and images. Where all weights are alike (the dashed line) or no weight changes from image "
        + "to image, the attention does not depend on what disturbs an image.")
    let groups = figure.confounders.enumerated().map { index, name in
      BarPlot.Group(
        label: name, values: figure.rows.map { $0.mean.indices.contains(index) ? $0.mean[index] : nil })
    }
    // A long list is split into two halves, side by side if there is space.
    let half = groups.count > 6 ? (groups.count + 1) / 2 : groups.count
    drawings(
      [groups.prefix(half), groups.dropFirst(half)].filter { !$0.isEmpty }.map { part in
        let plot = BarPlot(
          series: figure.rows.map(\.site), groups: Array(part), valueName: "mean weight",
          reference: (1 / Double(max(1, groups.count)), "all alike: 1/\(groups.count)"),
          including: figure.rows.flatMap(\.mean))
        return (plot.svg, "")
      })
    details("numbers") { page in
      page.paragraph("Mean weight ± its standard deviation over the site's images.")
      page.table(
        ["confounder"] + figure.rows.map(\.site),
        figure.confounders.enumerated().map { index, name in
          [name]
            + figure.rows.map { row in
              row.mean.indices.contains(index) && row.deviation.indices.contains(index)
                ? "\(Self.number(row.mean[index])) ± \(Self.number(row.deviation[index]))" : "–"
            }
        })
    }
  }

  /// Adds the share of lesion pixels over the predicted probability, and the number of pixels.
  ///
  /// - Parameters:
  ///   - series: one for each method.
  ///   - text: the pooled data and the errors in numbers, such as ECE by method.
  package mutating func reliability(_ series: [ReliabilityPlot.Series], text: String) {
    section("Calibration", text)
    drawing(
      ReliabilityPlot(series).svg,
      caption:
        "On the dashed line a probability is what it says. Below it the model is too sure of lesions. Bins "
        + "with few pixels move easily: their share is drawn below.")
    details("numbers") { page in
      for line in series {
        page.subsection(line.name)
        let width = 1 / Double(max(1, line.bins.count))
        page.table(
          ["bin", "pixels", "mean probability", "share that is lesion"],
          line.bins.enumerated().map { index, bin in
            [
              "\(Self.number(Double(index) * width, 2)) to \(Self.number(Double(index + 1) * width, 2))",
              NumberText.text(Double(bin.count), decimals: 0), Self.number(bin.confidence),
              Self.number(bin.positives),
            ]
          })
      }
    }
  }

  /// Adds the gallery with embedded pictures.
  ///
  /// - Parameters:
  ///   - figure: the content.
  ///   - folder: the folder of its files (`StoredFigures.folder`).
  /// - Throws: `FileError` that names a picture that cannot be read.
  package mutating func gallery(_ figure: GalleryFigure, in folder: URL) throws {
    section("Pictures", figure.rule)
    paragraph(
      "Reference and predictions are outlined, blue and yellow. After each prediction stands its error map:")
    key([
      (ErrorMap.agreed, "lesion that was found"), (ErrorMap.excess, "predicted, but no lesion"),
      (ErrorMap.missed, "lesion that was missed"),
    ])
    var methods: [String] = []
    for row in figure.rows where !methods.contains(row.methods[0]) { methods.append(row.methods[0]) }
    let single = figure.rows.filter { $0.methods.count == 1 }
    for method in methods where single.contains(where: { $0.methods[0] == method }) {
      subsection(method)
      for row in single where row.methods[0] == method { try add(row, folder) }
    }
    let pairs = figure.rows.filter { $0.methods.count > 1 }
    if !pairs.isEmpty { subsection("Where methods disagree most") }
    for row in pairs { try add(row, folder) }
  }

  private mutating func add(_ row: GalleryFigure.Row, _ folder: URL) throws {
    let names = row.methods.joined(separator: " and ")
    let what =
      switch row.choice {
      case .best: "best of \(names)"
      case .median: "median of \(names)"
      case .worst: "worst of \(names)"
      case .ahead: "\(row.methods[0]) most ahead of \(row.methods.dropFirst().joined())"
      case .behind: "\(row.methods[0]) most behind \(row.methods.dropFirst().joined())"
      }
    let scores = zip(row.methods, row.dice).map { method, dice in
      row.methods.count > 1 ? "\(method) \(Self.number(dice))" : Self.number(dice)
    }
    let ties = row.ties > 1 ? ", one of \(row.ties) alike" : ""
    let lesion = row.lesionClass.map { ", \($0)" } ?? ""
    gallery(
      "\(what): Dice \(scores.joined(separator: ", "))\(ties); \(row.site), \(row.image)\(lesion)",
      pictures: try row.pictures.map { picture in
        (
          picture.label, try Data(file: folder.appendingPathComponent(picture.file)), picture.width,
          picture.height
        )
      })
  }

  /// Adds a score over a number that was varied, such as dictionary size or depth, and a table.
  ///
  /// - Parameters:
  ///   - heading: of the section.
  ///   - text: what was varied and what was constant.
  ///   - variable: the name of the number.
  ///   - score: the name of the score.
  ///   - points: one for each value.
  ///   - columns: further columns of the table, such as parameters and latency.
  package mutating func curve(
    _ heading: String, _ text: String, variable: String, score: String, points: [CurvePoint],
    columns: [String] = []
  ) {
    section(heading, text)
    let points = points.sorted { $0.x < $1.x }
    let line = LinePlot.Series(
      name: score,
      points: points.compactMap { point in
        guard let value = point.score, value.value.isFinite else { return nil }
        return .init(x: point.x, y: value.value, range: value.ends)
      })
    drawings([(LinePlot([line], xName: variable, yName: score).svg, "With 95 % intervals.")]) { page in
      page.table(
        [variable, score] + columns,
        points.map { point in
          [
            NumberText.text(point.x, decimals: point.x == point.x.rounded() ? 0 : 2),
            point.score?.text ?? "–",
          ]
            + point.cells
        })
    }
  }

  /// Adds parameters and latency by method.
  package mutating func costs(_ figure: CostFigure) {
    section(
      "What the methods cost",
      "Latency is the median of \(figure.passes) passes of one image of \(figure.imageSize) × \(figure.imageSize) pixels, "
        + "from the image in memory to its probabilities, on \(figure.threads) thread\(figure.threads == 1 ? "" : "s") "
        + "(\(figure.vectorInstructions)). It depends on the machine and on what else it does; the shortest pass stands "
        + "beside it.")
    func count(_ value: Int) -> String { NumberText.text(Double(value), decimals: 0) }
    table(
      ["method", "parameters", "trained", "of the intervention", "latency, ms", "shortest, ms"],
      figure.rows.map { row in
        [
          row.method, count(row.parameters), count(row.trained), count(row.intervention),
          Self.number(row.latency, 1), Self.number(row.shortest, 1),
        ]
      })
  }

  /// Formats a number for tables.
  static func number(_ value: Double?, _ decimals: Int = 3) -> String {
    value.map { NumberText.text($0, decimals: decimals) } ?? "–"
  }
}

/// One value of a number that was varied.
package struct CurvePoint: Equatable, Sendable {
  /// The value.
  package let x: Double
  /// The score at this value; nil without a run.
  package let score: Interval?
  /// The further columns of the table.
  package let cells: [String]

  /// Makes a point from its parts.
  package init(x: Double, score: Interval?, cells: [String] = []) {
    self.x = x
    self.score = score
    self.cells = cells
  }
}
