import Foundation
import Imaging
import Metrics
import Torch
import Training

/// The maps of an image, as numbers and as pictures.
package struct ExplanationMaps {
  /// `score`, h×w; `selected`, uint8, h×w; `attention`, h×w×M, NaN at unselected positions.
  package let tensors: [String: Tensor]
  /// The pictures, each with its content and the suffix of its file name.
  package let pictures: [(label: String, suffix: String, image: Image)]
}

extension Explainer {
  /// The inputs of the pictures.
  struct Drawing {
    let input: ExplanationInput
    /// uint8, 3×H×W.
    let original: Tensor
    /// 1×3×S×S.
    let pixels: Tensor
    let seen: Seen
    /// bool, 1×1×S×S.
    let mask: Tensor
    /// bool, H×W.
    let reference: Tensor?
    let image: ExplainedImage
  }

  func maps(_ drawing: Drawing) throws -> ExplanationMaps {
    let seen = drawing.seen
    let grid = Array(seen.score.shape.dropFirst())
    let count = grid[0] * grid[1]
    let selected =
      try seen.positions.map {
        try Tensor.zeros([count]).scattered(dim: 0, index: $0.reshaped([-1]), source: .ones([try $0.size(1)]))
      } ?? .ones([count])
    var tensors = [
      "score": try seen.score.selected(dim: 0, index: 0).contiguous(),
      "selected": try selected.to(.uint8).reshaped(grid),
    ]
    if attends, let attention = seen.attention {
      let width = try attention.size(2)
      let empty = try Tensor.full([1, count, width], .nan)
      let whole = try seen.positions.map {
        try empty.scattered(
          dim: 1, index: $0.expandedDimension(-1).expanded(to: [-1, -1, width]), source: attention)
      }
      tensors["attention"] = try (whole ?? attention).reshaped(grid + [width]).contiguous()
    }
    return ExplanationMaps(tensors: tensors, pictures: try pictures(drawing, tensors))
  }

  private func pictures(
    _ drawing: Drawing, _ tensors: [String: Tensor]
  ) throws -> [(label: String, suffix: String, image: Image)] {
    let base = try Canvas(drawing.original, longest: options.pictureSize)
    var found = [try plain(drawing, base)]
    if let score = tensors["score"], let selected = tensors["selected"] {
      let range = try score.min([0, 1]).item()...score.max([0, 1]).item()
      var picture = try HeatMap.draw(score, range: range, over: base.image)
      if drawing.seen.positions != nil {
        picture = try Overlay.draw([.init(mask: base.cells(selected), colour: Self.white)], over: picture)
      }
      found.append(("region score; colours \(Self.ends(range))", "region", picture))
    }
    if let off = drawing.seen.off {
      let label = "mask, intervention off"
      let before = try base.mask(off, predictor.rule)
      found.append((label, "mask-off", try Overlay.draw(prediction: before, over: base.image)))
    }
    let mask = try base.mask(drawing.seen.probability, predictor.rule)
    let label = drawing.seen.off == nil ? "mask" : "mask, intervention on"
    found.append((label, "mask", try Overlay.draw(prediction: mask, over: base.image)))
    if let attention = tensors["attention"], let means = drawing.image.attention,
      let highest = drawing.image.attentionHigh
    {
      let order = means.indices.sorted { (means[$1], $0) < (means[$0], $1) }.prefix(options.attentionMaps)
      // Even weights lie in the middle of the colour range or below.
      let top = max(2 / Double(means.count), order.map { highest[$0] }.max() ?? 0)
      for (place, z) in order.enumerated() {
        let values = try attention.selected(dim: 2, index: z)
        found.append(
          (
            "attention to \(confounders[z].name), mean \(Self.number(means[z])); colours \(Self.ends(0...top))",
            "attention-\(place + 1)", try HeatMap.draw(values, range: 0...top, over: base.image)
          ))
      }
    }
    if let worst = try worst(drawing, base) { found.append(worst) }
    return found
  }

  private func plain(_ drawing: Drawing, _ base: Canvas) throws -> (String, String, Image) {
    guard let reference = drawing.reference else { return ("image", "image", base.image) }
    let mask = try base.mask(reference.to(.float32).reshaped([1, 1] + reference.shape), MaskRule())
    return (
      "image and reference", "image",
      try Overlay.draw([.init(mask: mask, colour: .reference)], over: base.image)
    )
  }

  /// Draws the image under the confounder, at its highest strength, that changes the mask most.
  private func worst(_ drawing: Drawing, _ base: Canvas) throws -> (String, String, Image)? {
    guard let top = options.strengths.max() else { return nil }
    let moving = Set(confounders.filter(\.movesPixels).map(\.name))
    let all = drawing.image.steps.filter { $0.strength == top }
    // Masks are compared more exactly if the image does not move.
    let still = all.filter { !moving.contains($0.confounder) }
    guard let step = (still.isEmpty ? all : still).min(by: { $0.dice < $1.dice }),
      let index = confounders.firstIndex(where: { $0.name == step.confounder })
    else { return nil }
    let done = try doing(index, top, drawing.input.name, drawing.pixels, drawing.mask)
    let after = try look(done.images)
    let picture = try base.picture(done.images)
    let layers = [
      Overlay.Layer(mask: try base.mask(done.masks, MaskRule()), colour: Self.white),
      Overlay.Layer(mask: try base.mask(after.probability, predictor.rule), fill: 0.15),
    ]
    return (
      "do(\(step.confounder)), strength \(Self.number(top)): Dice \(Self.number(step.dice))", "do",
      try Overlay.draw(layers, over: picture)
    )
  }

  private static let white = Overlay.Colour(red: 255, green: 255, blue: 255)

  private static func number(_ value: Double) -> String {
    let text = String(format: "%.2f", abs(value))
    return (value < 0 && text != "0.00" ? "−" : "") + text
  }

  private static func ends(_ range: ClosedRange<Double>) -> String {
    "\(number(range.lowerBound)) to \(number(range.upperBound))"
  }
}

/// A picture of a given size, and the overlays on it.
private struct Canvas {
  let image: Image
  private let height: Int
  private let width: Int

  /// Scales an image, uint8 3×H×W, so that its longer side has a given length.
  init(_ original: Tensor, longest: Int) throws {
    let (down, across) = (try original.size(1), try original.size(2))
    let factor = Double(longest) / Double(max(down, across))
    height = max(1, Int((Double(down) * factor).rounded()))
    width = max(1, Int((Double(across) * factor).rounded()))
    image = try Image(PillowResampling()(original, height: height, width: width))
  }

  /// Returns an image, 1×3×S×S from 0 to 1, as a picture of this size.
  func picture(_ pixels: Tensor) throws -> Image {
    let large = try pixels.resized(height: height, width: width, antialias: true)
    return try Image((large.selected(dim: 0, index: 0).clamped(min: 0, max: 1) * 255).rounded().to(.uint8))
  }

  /// Returns where values, 1×1×S×S, reach the threshold of their own map, cleaned by the rule, at this size.
  func mask(_ values: Tensor, _ rule: MaskRule) throws -> Image {
    let large = try values.resized(height: height, width: width, antialias: true)
      .atLeast(rule.threshold.level(of: values))
    return try bilevel(rule.cleaned(large))
  }

  /// Returns the cells of a grid, h×w, that are not 0.
  func cells(_ grid: Tensor) throws -> Image {
    let shape = try grid.sizes(rank: 2, "the grid")
    return try bilevel(
      grid.to(.float32).reshaped([1, 1] + shape).resized(
        height: height, width: width, interpolation: .nearest
      )
      .greater(than: 0))
  }

  private func bilevel(_ mask: Tensor) throws -> Image {
    try Image(
      width: width, height: height, channels: 1,
      pixels: (mask.to(.float32) * 255).to(.uint8).reshaped([-1]).array())
  }
}
