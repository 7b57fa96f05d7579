import Foundation
import Imaging
import Torch
import Training

extension PredictCommand {
  /// Checks that the results of images and classes have different names.
  ///
  /// - Throws: `WorkError.sameStem` that names two images.
  static func requireNames(_ inputs: [PredictionInput], classes: [String]) throws {
    guard classes.count > 1 else { return }
    var known: [String: URL] = [:]
    for input in inputs {
      for name in classes {
        let result = "\(input.name)-\(RunConfiguration.fileName(ofClass: name))"
        if let other = known.updateValue(input.file, forKey: result) {
          throw WorkError.sameStem(other, input.file)
        }
      }
    }
  }
}

extension PredictCommand.Work {
  /// Makes the results of one image of a run of several classes.
  ///
  /// A mask and a map of probabilities are of one class each, `NAME-CLASS.png`; the overlay shows all
  /// classes. Each class has its own level of probability where the rule chooses one.
  func classResults(
    _ found: Predictor.Prediction, of input: PredictionInput
  ) throws -> PredictCommand.Results {
    let names = predictor.configuration.classes
    let maps = try found.probability.maskOfEachClass()
    let all = try predictor.rule.mask(found.probability)
    let lesions = try all.maskOfEachClass()
    let (height, width) = (try maps[0].size(0), try maps[0].size(1))
    let masks = try lesions.map(Self.picture)
    var contents: [(content: Data, target: URL)] = []
    let classes = try names.indices.map { index in
      var own: [(content: Data, target: URL)] = []
      let parts = [input.name, RunConfiguration.fileName(ofClass: names[index])]
      for format in formats where format.isOfEachClass {
        let content =
          switch format {
          case .probability: try GreyMap.pngData(maps[index])
          case .probabilityTIFF: try GreyMap.tiffData(maps[index])
          default: try masks[index].bilevelPNGData()
          }
        own.append((content, target(parts, format)))
      }
      contents += own
      return PredictCommand.ClassSummary(
        name: names[index], score: try maps[index].max([0, 1]).item(),
        findings: .init(try MaskFindings(mask: lesions[index], probability: maps[index])),
        files: own.map(\.target.lastPathComponent))
    }
    if formats.contains(.overlay), let picture = found.picture {
      let drawn = try ClassOverlay.draw(masks, names: names, over: Image(picture))
      contents.append((try drawn.pngData(), target([input.name], .overlay)))
    }
    let area = Int(try all.anyClass().sum().item())
    let summary = PredictCommand.Summary(
      input, width: width, height: height, .init(classes, area: area, of: width * height),
      files: self.names(contents, of: input), .init(predictor), classes: classes)
    return try PredictCommand.Results(summary, files: contents, masks: masks, for: formats)
  }
}
