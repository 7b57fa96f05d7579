import Datasets
import Foundation
import Imaging
import Metrics
import Statistics
import Studies
import Torch
import Training

extension StudyFigures {
  /// Selects images by their scores, draws the predictions of the models, and writes the pictures.
  func galleryFigure(_ features: FeatureStore?, fingerprint: String) throws -> GalleryFigure {
    let choices = choices()
    let masks = try predictions(choices, features)
    let limits = heldOut(candidate).first?.run.configuration.reader.limits ?? .default
    var files: Set<String> = []
    let rows = try choices.enumerated().map { index, choice in
      let sample = try sample(choice.place)
      let image = try ImageFile.read(sample.image, limits: limits)
      var pictures: [(label: String, image: Image)] = [("image", image)]
      let drawn = choice.methods.compactMap { method in
        masks[Drawn(method: method, place: choice.place, lesionClass: choice.lesionClass)].map {
          (method: method, prediction: $0)
        }
      }
      for (position, (method, found)) in drawn.enumerated() {
        let (prediction, reference) = (try found.masks.prediction.image, try found.masks.reference.image)
        if position == 0 {
          pictures.append(
            ("reference", try Overlay.draw([.init(mask: reference, colour: .reference)], over: image)))
        }
        let name = choice.methods.count > 1 ? "\(method), " : ""
        pictures.append(("\(name)prediction", try Overlay.draw([.init(mask: prediction)], over: image)))
        pictures.append(
          ("\(name)errors", try ErrorMap.draw(prediction: prediction, reference: reference, over: image)))
      }
      return GalleryFigure.Row(
        choice: choice.choice, methods: choice.methods, site: choice.place.site, image: choice.place.image,
        lesionClass: choice.lesionClass, dice: choice.dice,
        precision: drawn.map(\.prediction.precision), decoding: drawn.map(\.prediction.decoding),
        ties: choice.ties,
        pictures: try pictures.enumerated().map { column, picture in
          let small = try picture.image.reduced(to: pictureSize)
          let file = "gallery-\(index + 1)-\(column + 1).jpg"
          files.insert(file)
          try ImageFile.writeJPEG(small, quality: 85, to: folder.appendingPathComponent(file))
          return .init(label: picture.label, file: file, width: small.width, height: small.height)
        })
    }
    try removePictures(but: files)
    return GalleryFigure(fingerprint: fingerprint, seed: seed, rule: GalleryChoice.rule, rows: rows)
  }

  private func choices() -> [GalleryChoice] {
    let runs = Dictionary(uniqueKeysWithValues: methods.map { ($0, heldOut($0)) })
    let single = methods.flatMap { method in GalleryChoice.extremes(method, scored([runs[method] ?? []])) }
    let pairs = methods.filter { $0 != candidate }.flatMap { other in
      GalleryChoice.disagreements(
        [candidate, other], scored([runs[candidate] ?? [], runs[other] ?? []]))
    }
    return single + pairs
  }

  /// Returns the images that all given methods have scored, with each Dice, by site and name.
  private func scored(_ methods: [[Run]]) -> [GalleryChoice.Scored] {
    // With several classes, an image has a score for each.
    func key(_ image: FoldResult.Image) -> [String?] { [image.image, image.lesionClass] }
    func images(_ run: Run) -> [[String?]: FoldResult.Image] {
      Dictionary(run.result.images.map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
    }
    guard let first = methods.first else { return [] }
    let all = first.flatMap { run -> [(scored: GalleryChoice.Scored, isEmpty: Bool)] in
      let others = methods.dropFirst().map { runs in
        runs.first { $0.result.site == run.result.site }.map(images) ?? [:]
      }
      return run.result.images.sorted {
        ($0.image, $0.lesionClass ?? "") < ($1.image, $1.lesionClass ?? "")
      }.compactMap { image in
        let beside = others.compactMap { $0[key(image)]?.scores.dice }
        guard beside.count == others.count else { return nil }
        return (
          GalleryChoice.Scored(
            place: .init(site: run.result.site, image: image.image), lesionClass: image.lesionClass,
            dice: [image.scores.dice] + beside),
          image.scores.referenceIsEmpty
        )
      }
    }
    let withLesion = all.filter { !$0.isEmpty }
    return (withLesion.isEmpty ? all : withLesion).map(\.scored)
  }

  private struct Drawn: Hashable, Sendable {
    let method: String
    let place: GalleryChoice.Place
    let lesionClass: String?
  }

  /// The masks of one method on an image, and how they were computed.
  private struct Prediction: Sendable {
    let masks: (prediction: BinaryMask, reference: BinaryMask)
    let precision: Precision
    let decoding: Predictor.Decoding
  }

  /// Computes the predictions of the models on the selected images; each model is loaded once.
  private func predictions(_ choices: [GalleryChoice], _ features: FeatureStore?) throws -> [Drawn:
    Prediction]
  {
    let runs = methods.flatMap(heldOut)
    let found = try Self.inParallel(runs.count) { index -> [Drawn: Prediction] in
      let run = runs[index]
      let wanted = choices.filter { $0.methods.contains(run.result.method) }
        .filter { $0.place.site == run.result.site }
        .map { Drawn(method: run.result.method, place: $0.place, lesionClass: $0.lesionClass) }
      guard !wanted.isEmpty else { return [:] }
      let predictor = try run.run.predictor(
        // A machine that only collects may lack the device of the training.
        device: run.run.configuration.device.orCPU, threshold: run.result.threshold)
      var found: [Drawn: Prediction] = [:]
      for drawn in Set(wanted) {
        let sample = try sample(drawn.place)
        found[drawn] = Prediction(
          masks: try predictor.masks(
            sample, ofClass: drawn.lesionClass, cached: features?.cached([sample])),
          precision: predictor.precision, decoding: predictor.decoding)
      }
      return found
    }
    return found.reduce(into: [:]) { all, own in all.merge(own) { first, _ in first } }
  }

  private func sample(_ place: GalleryChoice.Place) throws -> Sample {
    guard let sample = try catalog.site(place.site).testSamples.first(where: { $0.id == place.image }) else {
      throw StudyError.lostImage(catalog.folder, image: place.image, site: place.site)
    }
    return sample
  }

  /// Removes the pictures of an earlier gallery.
  private func removePictures(but files: Set<String>) throws {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for file in found where file.hasPrefix("gallery-") && file.hasSuffix(".jpg") && !files.contains(file) {
      try FileManager.default.removeItem(at: folder.appendingPathComponent(file))
    }
  }
}

extension Image {
  /// Reduces the image so that its longer side has at most a given length.
  fileprivate func reduced(to longest: Int) throws -> Image {
    let longer = max(width, height)
    guard longer > longest else { return self }
    let size = (width: max(1, width * longest / longer), height: max(1, height * longest / longer))
    return try Image(PillowResampling()(tensor, height: size.height, width: size.width))
  }
}
