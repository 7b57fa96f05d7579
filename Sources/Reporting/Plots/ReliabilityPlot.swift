import Metrics

/// An SVG plot of the share of lesion pixels over the predicted probability.
///
/// Below it, a plot shows the share of pixels in each bin.
package struct ReliabilityPlot {
  /// One bin of probabilities.
  package struct Bin: Equatable, Sendable {
    /// The number of its pixels.
    package let count: Int
    /// Their mean probability; nil without pixels.
    package let confidence: Double?
    /// The share of lesion pixels among them; nil without pixels.
    package let positives: Double?

    /// Makes a bin from its parts.
    package init(count: Int, confidence: Double?, positives: Double?) {
      self.count = count
      self.confidence = confidence
      self.positives = positives
    }
  }

  /// One model or method.
  package struct Series: Equatable, Sendable {
    /// Its name.
    package let name: String
    /// Its bins of equal width from 0 to 1.
    package let bins: [Bin]

    /// Makes a series from its parts.
    package init(name: String, bins: [Bin]) {
      self.name = name
      self.bins = bins
    }
  }

  private let series: [Series]

  /// Makes a plot.
  package init(_ series: [Series]) { self.series = series }

  /// The plot as SVG.
  package var svg: String {
    var drawing = SVGDrawing()
    let top = drawing.legend(series.map(\.name), .line) + 24
    let unit = PlotAxis(ticks: [0, 0.2, 0.4, 0.6, 0.8, 1])
    let shares = series.map { line in
      let total = line.bins.reduce(0) { $0 + $1.count }
      return line.bins.map { Double($0.count) / Double(max(1, total)) }
    }
    let strip = PlotAxis(powersOfTen: shares.flatMap { $0 } + [1])
    let curve = PlotFrame(x: unit, y: unit, beside: strip, top: top, height: 270)
    curve.draw(in: &drawing, yName: "share of these pixels that are lesion", showsNumbers: false)
    drawing.line("zero", curve.across(0), curve.up(0), curve.across(1), curve.up(1))
    let bars = PlotFrame(x: unit, y: strip, beside: unit, top: curve.bottom + 34, height: 90)
    bars.draw(
      in: &drawing, xName: "probability that the model gives", yName: "share of all pixels (log scale)")
    for (index, line) in series.enumerated() {
      let points = line.bins.compactMap { bin -> (x: Double, y: Double)? in
        guard let confidence = bin.confidence, let positives = bin.positives, bin.count > 0 else {
          return nil
        }
        return (curve.across(confidence), curve.up(positives))
      }
      if points.count > 1 { drawing.polyline(PlotMark.line(index), points) }
      for point in points { drawing.mark(index, point.x, point.y, r: 4) }
      // The bars of a bin share its width.
      let width = 1 / Double(max(1, line.bins.count))
      for (place, share) in shares[index].enumerated() where share > 0 {
        let start = bars.across(width * (Double(place) + 0.08 + 0.84 * Double(index) / Double(series.count)))
        let end = bars.across(
          width * (Double(place) + 0.08 + 0.84 * Double(index + 1) / Double(series.count)))
        // A single pixel of billions must still be visible.
        let height = max(1, bars.bottom - bars.up(share))
        drawing.rectangle(
          "\(PlotMark.colour(index)) bar", x: start, y: bars.bottom - height, width: end - start,
          height: height)
      }
    }
    return drawing.svg(
      height: bars.bottom + 42,
      label: "Reliability curve" + (series.isEmpty ? "" : ": " + series.map(\.name).joined(separator: ", ")))
  }
}
