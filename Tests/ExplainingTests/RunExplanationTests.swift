import Confounders
import Datasets
import Foundation
import Metrics
import Reporting
import Segmentation
import Storage
import Testing
import TestSupport
import Torch

@testable import Explaining
@testable import Training

@Suite("Explanation of a run")
struct RunExplanationTests {
  private let prompts: PromptSet
  private let samples: [Sample]

  init() throws {
    prompts = try TinyRun.prompts.get()
    samples = try Array(TinyRun.sites.get()[2].testSamples.prefix(4))
  }

  private func explainer(
    _ method: MethodChoice, _ options: Explainer.Options = .init(),
    _ change: (TinyRun) throws -> Void = { _ in }
  ) throws -> Explainer {
    let tiny = try TinyRun(method: method)
    // Some methods compare the sites that they are trained on.
    tiny.configuration.sources = try TinyRun.sites.get()[..<2].map(\.name)
    try change(tiny)
    let system = try tiny.trainer().system.compiled()
    let predictor = Predictor(system, tiny.configuration, precision: .float32)
    return try Explainer(predictor, prompts: prompts, options: options)
  }

  private func quick(_ sweep: [String]? = ["dark", "near"]) -> Explainer.Options {
    var options = Explainer.Options()
    options.sweep = sweep
    options.strengths = [0.5, 1]
    options.pictureSize = 48
    return options
  }

  @Test("Each picture has its own level, and the document tells of the passes that it does not show")
  func levels() throws {
    let explainer = try explainer(.mcdrl, quick(["dark"])) {
      try $0.configuration.set("inference.threshold=dice")
      try $0.configuration.set("inference.flips=true")
    }
    let image = try explainer.explain(ExplanationInput(samples[0])).image
    let pixels = try SampleBank([samples[0]], reader: SampleReader(size: 32)).batch([0]).images
    func share(_ images: Tensor) throws -> Double {
      let probability = try explainer.system.probabilities(images)
      return try probability.atLeast(MaskThreshold.dice.level(of: probability)).to(.float32).mean().item()
    }
    #expect(try abs(share(pixels) - image.lesionShare) < 1e-6)
    let mask = try MaskThreshold.dice.mask(explainer.system.probabilities(pixels))
    for step in image.steps {
      let done = try explainer.doing(explainer.swept[0], step.strength, samples[0].id, pixels, mask)
      #expect(try abs(share(done.images) - step.lesionShare) < 1e-6)
    }
    let model = explainer.model(run: "r")
    #expect(model.threshold == .dice && model.passes == 4)
    let document = try JSONValue(encoding: model)
    #expect(document.members?["threshold"] == .string("dice") && document.members?["passes"] == .integer(4))
  }

  @Test("Weights, region score, masks and sweep of an image are those of the model, and come with maps")
  func whole() throws {
    let explainer = try explainer(.mcdrl, quick())
    let (image, maps, _) = try explainer.explain(ExplanationInput(samples[0]))
    let bank = try SampleBank([samples[0]], reader: SampleReader(size: 32))
    let pixels = try bank.batch([0]).images
    let found = try explainer.system.representation(pixels)
    let attention = try #require(image.attention)
    for (own, expected) in try zip(attention, #require(found.attention).mean([0, 1]).doubles()) {
      #expect(abs(own - expected) < 1e-6)
    }
    let (low, high) = (try #require(image.attentionLow), try #require(image.attentionHigh))
    #expect(attention.indices.allSatisfy { low[$0] <= attention[$0] && attention[$0] <= high[$0] })
    #expect(abs(image.zeroShot.reduce(0, +) - 1) < 1e-5 && image.evidence == nil)
    let mask = try explainer.system.probabilities(pixels).atLeast(0.5)
    #expect(abs(try mask.to(.float32).mean().item() - image.lesionShare) < 1e-6)
    #expect(image.off != nil && image.diceWithReference != nil)

    #expect(image.steps.map(\.confounder) == ["dark", "dark", "near", "near"])
    #expect(image.steps.map(\.strength) == [0.5, 1, 0.5, 1])
    for step in image.steps {
      #expect((0...1).contains(step.dice) && (0...1).contains(step.iou) && step.iou <= step.dice)
      #expect(step.shift > 0 && (step.shiftIntervened ?? 0) > 0 && step.distance > 0)
      #expect(step.attention.map { (0...1).contains($0) } == true)
    }

    // Attention stands where the region was selected, and nowhere else.
    let map = try #require(maps.tensors["attention"])
    let score = try #require(maps.tensors["score"])
    let selected: [UInt8] = try #require(maps.tensors["selected"]).array()
    #expect(map.shape == score.shape + [12])
    let values = try map.floats()
    for cell in selected.indices {
      let row = values[cell * 12..<cell * 12 + 12]
      #expect(selected[cell] == 1 ? abs(row.reduce(0, +) - 1) < 1e-4 : row.allSatisfy(\.isNaN))
    }
    let scores = try score.floats()
    let kept = scores.indices.filter { selected[$0] == 1 }.map { scores[$0] }
    let left = scores.indices.filter { selected[$0] == 0 }.map { scores[$0] }
    #expect(kept.count == (scores.count + 1) / 2)
    #expect(try #require(kept.min()) >= #require(left.max()))
    #expect(
      maps.pictures.map(\.suffix) == [
        "image", "region", "mask-off", "mask", "attention-1", "attention-2", "do",
      ])
    #expect(maps.pictures.allSatisfy { max($0.image.width, $0.image.height) == 48 })
  }

  @Test("Setting nothing changes nothing: at a strength near 0 the mask stays, and equal calls agree")
  func stable() throws {
    var options = quick(nil)
    options.strengths = [1e-6]
    let explainer = try explainer(.mcdrl, options)
    let first = try explainer.explain(ExplanationInput(samples[1])).image
    #expect(first.steps.count == 12)
    // What moves the picture samples it anew; all else must leave every pixel's mask.
    for step in first.steps where !["near", "far"].contains(step.confounder) {
      #expect(step.dice > 0.97, "\(step.confounder)")
      #expect(step.shift < 0.01, "\(step.confounder)")
    }
    #expect(try explainer.explain(ExplanationInput(samples[1])).image == first)
  }

  @Test(
    "Methods without attention have a sweep, a region score and pictures all the same",
    arguments: [MethodChoice.baseline, .withoutIntervention, .withoutRegionSelection] + MethodChoice.peers)
  func methods(method: MethodChoice) throws {
    let (image, maps, _) = try explainer(method, quick()).explain(ExplanationInput(samples[0]))
    #expect(
      (image.attention != nil) == method.traits.intervenes && (image.off != nil) == method.traits.intervenes)
    #expect((image.steps.first?.shiftIntervened != nil) == method.traits.intervenes && image.steps.count == 4)
    let selected: [UInt8] = try #require(maps.tensors["selected"]).array()
    #expect(selected.contains(0) == method.traits.selectsRegions)
    #expect(
      maps.pictures.contains { $0.suffix == "region" } && maps.pictures.contains { $0.suffix == "do" })
  }

  @Test("An exact sum and a constant entry attend to nothing; evidence alone is told where there is some")
  func adjustments() throws {
    for assignment in ["model.intervention.adjustment=exact", "model.intervention.dictionary=constant"] {
      let image = try explainer(.mcdrl, quick([])) { try $0.configuration.set(assignment) }
        .explain(ExplanationInput(samples[0])).image
      #expect(image.attention == nil && image.off != nil && image.steps.isEmpty, "\(assignment)")
    }
    let image = try explainer(.mcdrl, quick([])) {
      try $0.configuration.set("model.intervention.evidence=100")
    }.explain(ExplanationInput(samples[0])).image
    for (own, zeroShot) in zip(try #require(image.evidence), image.zeroShot) {
      #expect(abs(own - zeroShot) < 1e-4)
    }
  }

  @Test("A confounder that cannot be set, and prompts without mechanisms, are refused with the fix")
  func refused() throws {
    #expect(message { _ = try explainer(.mcdrl, quick(["rain"])) }.contains("\"rain\"; there are blur"))
    var plain = prompts
    for group in plain.groups.indices {
      for index in plain.groups[group].confounders.indices {
        plain.groups[group].confounders[index].mechanism = nil
        plain.groups[group].confounders[index].strength = nil
      }
    }
    let tiny = try TinyRun()
    let system = try tiny.trainer().system.compiled()
    func make(_ options: Explainer.Options) throws -> Explainer {
      try Explainer(
        Predictor(system, tiny.configuration, precision: .float32), prompts: plain, options: options)
    }
    #expect(message { _ = try make(quick(nil)) }.contains("leave the sweep out"))
    #expect(try make(quick([])).explain(ExplanationInput(samples[0])).image.steps.isEmpty)
  }

  @Test("A folder holds document, page, pictures and maps; the document reads as it was written")
  func folder() throws {
    let tiny = try TinyRun(epochs: 1)
    try tiny.trainer().trainer.train()
    let run = try tiny.open()
    let explainer = try Explainer(run, with: run.predictor(), options: quick())
    let folder = try ExplanationFolder(tiny.run.url.appendingPathComponent("explained"))
    let known = try KnownConfounders(samples.map(\.image))
    let inputs = samples.map { ExplanationInput($0, truth: known.strengths(of: $0.image)) }
    #expect(inputs.allSatisfy { $0.truth != nil })
    // As many at once as there are threads, as the command does it.
    let explained = try concurrentMap(count: inputs.count, on: .cpu) { index in
      let found = try explainer.explain(inputs[index])
      return (image: try folder.write(found.image, found.maps), means: found.means)
    }
    let images = explained.map(\.image)
    // One alone gives the same, apart from the files that were written.
    let alone = try Machine.withThreads(1) { try explainer.explain(inputs[1]) }
    var second = images[1]
    second.pictures = []
    #expect(alone.image == second)
    let explanation = try Explanation(
      model: explainer.model(run: "run"), site: "site-c", trainedOn: false, available: 8,
      confounders: explainer.confounders, strengths: explainer.options.strengths,
      spread: Explainer.spread(of: explained.map(\.means)), images: images)
    try folder.write(explanation)
    let text = try HTMLPage.explanation(explanation, in: folder.url).text
    try AtomicFile.write(Data(text.utf8), to: folder.pageFile)
    let read = try JSONDecoder().decode(Explanation.self, from: Data(contentsOf: folder.documentFile))
    #expect(read == explanation && read.summary.steps.count == 4)
    #expect(try #require(read.spread.observed) > 0 && #require(read.summary.steps[0].relativeShift) > 0)
    let files = images.flatMap(\.pictures).map(\.file)
    #expect(Set(files).count == 4 * 7)
    for file in files {
      #expect(FileManager.default.fileExists(atPath: folder.url.appendingPathComponent(file).path))
    }
    let page = try String(contentsOf: folder.pageFile, encoding: .utf8)
    #expect(page.contains("do(dark)") && page.contains("data:image/jpeg") && !page.contains("<script"))

    // Words that are not those of the weights.
    try tiny.run.write(prompts.limited(to: 3), to: tiny.run.promptsFile)
    #expect(
      message { _ = try Explainer(tiny.open(), with: tiny.open().predictor()) }.contains(
        "prompts.json5: holds 3 confounders, the run's weights 12"))
  }
}
