import Foundation
import Imaging
import Torch
import Training

extension PredictCommand {
  /// One of several classes on an image.
  struct ClassSummary: Encodable {
    let name: String
    /// The share of the image that the mask covers.
    let lesionShare: Double
    /// The highest probability of a pixel.
    let score: Double
    /// The files of this class alone.
    let files: [String]

    enum CodingKeys: String, CodingKey {
      case score, files
      case name = "class"
      case lesionShare = "lesion_share"
    }
  }
}

extension PredictCommand {
  /// Checks that the results of images and classes have different names.
  ///
  /// - Throws: `WorkError.sameStem` that names two images.
  static func requireNames(_ files: [URL], classes: [String]) throws {
    guard classes.count > 1 else { return }
    var known: [String: URL] = [:]
    for file in files {
      for name in classes {
        let stem = file.deletingPathExtension().lastPathComponent
        let result = "\(stem)-\(RunConfiguration.fileName(ofClass: name))"
        if let other = known.updateValue(file, forKey: result) { throw WorkError.sameStem(other, file) }
      }
    }
  }
}

extension PredictCommand.Work {
  /// Makes the results of one image of a run of several classes.
  ///
  /// A mask and a map of probabilities are of one class each, `NAME-CLASS.png`; the overlay shows all
  /// classes. Each class has its own level of probability where the rule chooses one.
  func classResults(_ found: Predictor.Prediction, of file: URL) throws -> PredictCommand.Results {
    let names = predictor.configuration.classes
    let maps = try found.probability.maskOfEachClass()
    let all = try predictor.rule.mask(found.probability)
    let lesions = try all.maskOfEachClass()
    let (height, width) = (try maps[0].size(0), try maps[0].size(1))
    let pixels = Double(width * height)
    let stem = file.deletingPathExtension().lastPathComponent
    func grey(_ values: Tensor) throws -> Image { try Image(values.to(.uint8).expandedDimension(0)) }
    func target(_ parts: [String], _ format: PredictCommand.Format) -> URL {
      let ending = formats.count == 1 ? [] : [format.rawValue]
      return out.appendingPathComponent(([stem] + parts + ending).joined(separator: "-") + ".png")
    }
    let masks = try lesions.map { try grey($0.to(.uint8) * 255) }
    var contents: [(content: Data, target: URL)] = []
    let classes = try names.indices.map { index in
      var own: [(content: Data, target: URL)] = []
      let part = [RunConfiguration.fileName(ofClass: names[index])]
      for format in formats where format == .mask || format == .probability {
        let image =
          format == .mask
          ? try masks[index].bilevelPNGData() : try grey((maps[index] * 255).rounded()).pngData()
        own.append((image, target(part, format)))
      }
      contents += own
      return PredictCommand.ClassSummary(
        name: names[index], lesionShare: try lesions[index].sum().item() / pixels,
        score: try maps[index].max([0, 1]).item(), files: own.map(\.target.lastPathComponent))
    }
    if formats.contains(.overlay), let picture = found.picture {
      let drawn = try ClassOverlay.draw(masks, names: names, over: Image(picture))
      contents.append((try drawn.pngData(), target([], .overlay)))
    }
    let summary = PredictCommand.Summary(
      image: file.path, width: width, height: height,
      lesionShare: try all.anyClass().sum().item() / pixels,
      files: contents.map(\.target.lastPathComponent), precision: predictor.precision,
      decoding: predictor.decoding, threshold: predictor.threshold,
      passes: predictor.configuration.inference.passes, classes: classes, expectedDice: nil,
      uncertainty: nil, distance: nil, warnings: nil)
    return PredictCommand.Results(summary: summary, files: contents)
  }
}

/// An image with the contours of several classes, a colour each, above a legend.
enum ClassOverlay {
  /// The opacity of the fill of a class.
  private static let fill = 0.15

  /// Draws the classes over an image, the first lowest, and adds the legend below it.
  ///
  /// - Parameters:
  ///   - masks: a mask for each class, of the image's size.
  ///   - names: the name of each class.
  ///   - image: the image.
  /// - Returns: three channels, of the image's width.
  /// - Throws: `ImagingError.invalidImage` if a mask has another size.
  static func draw(_ masks: [Image], names: [String], over image: Image) throws -> Image {
    let layers = masks.enumerated().map { index, mask in
      Overlay.Layer(mask: mask, colour: .ofClass(index), fill: fill)
    }
    let drawn = try Overlay.draw(layers, over: image)
    let legend = legend(names, width: drawn.width)
    return try Image(
      width: drawn.width, height: drawn.height + legend.count / (3 * drawn.width), channels: 3,
      pixels: drawn.pixels + legend)
  }

  /// Draws a line for each class, a square of its colour and its name, on white.
  private static func legend(_ names: [String], width: Int) -> [UInt8] {
    let scale = max(1, width / 320)
    let line = PixelFont.lineHeight(scale: scale) + 2 * scale
    let side = 7 * scale
    let height = names.count * line + 2 * scale
    var canvas = [UInt8](repeating: 255, count: 3 * width * height)
    let left = side + 4 * scale
    // A narrow image shows the start of a long name.
    let most = max(0, (width - left) / PixelFont.width(of: "a", scale: scale))
    for (index, name) in names.enumerated() {
      let top = index * line + 2 * scale
      let colour = Overlay.Colour.ofClass(index)
      let run = min(side, max(0, width - scale))
      for y in top..<top + side {
        let start = 3 * (y * width + min(scale, width))
        let row = (0..<run).flatMap { _ in [colour.red, colour.green, colour.blue] }
        canvas.replaceSubrange(start..<start + row.count, with: row)
      }
      PixelFont.draw(
        String(name.prefix(most)), on: &canvas, width: width, left: left, top: top, scale: scale)
    }
    return canvas
  }
}
