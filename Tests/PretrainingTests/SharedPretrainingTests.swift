import CLIP
import Confounders
import Datasets
import Foundation
import Storage
import TestSupport
import Testing
import Torch

@testable import Pretraining

/// Contrastive training of several processes, as threads of this one.
@Suite("Pretraining in several processes", .serialized)
final class SharedPretrainingTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "pretraining-shared-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private static func prompts() throws -> PromptSet {
    try PromptSet(contentsOf: Project.file("Prompts/endoscopy.json5"))
  }

  /// All parts of the loss, images under do(z), and batches that three processes do not divide evenly.
  private static func configuration() -> PretrainingConfiguration {
    var configuration = PretrainingConfiguration()
    configuration.steps = 4
    configuration.batchSize = 8
    configuration.saveEvery = 2
    configuration.learningRate = 1e-4
    configuration.maskWeight = 0.5
    configuration.interventionShare = 0.5
    return configuration
  }

  private struct Trained: Sendable {
    var losses: [Double] = []
    var weights: [String: [Float]] = [:]
    var error: PretrainingError?
  }

  /// Trains in one of several processes; `stop` asks for an end after a step, in the last process.
  private static func train(
    _ images: CaptionedImages, _ configuration: PretrainingConfiguration, state: URL, resuming: Bool = false,
    stop: Int? = nil, _ processes: Processes
  ) throws -> Trained {
    let file = Project.file("Configurations/vit-tiny-p8-64.json")
    // Only the first process has the weights of the others' beginning.
    let clip = try CLIPModel.random(
      CLIPConfiguration(contentsOf: file), beside: file, seed: UInt64(1 + processes.rank))
    let trainer = try ContrastiveTrainer(
      configuration: configuration, clip: clip, images: images, stateFile: state,
      resuming: resuming && processes.isFirst, processes: processes)
    let losses = Collector<Double>()
    var trained = Trained()
    do {
      try trainer.train(
        { losses.add($1) },
        shouldStop: { processes.rank == processes.count - 1 && trainer.step == stop })
    } catch let error as PretrainingError {
      trained.error = error
    }
    trained.losses = losses.all
    trained.weights = try clip.state().mapValues { try $0.detached().to(.float32).floats() }
    return trained
  }

  private static func near(_ first: [Double], _ second: [Double]) -> Bool {
    first.count == second.count && zip(first, second).allSatisfy { abs($0 - $1) < 1e-5 }
  }

  @Test("Two and three processes have the losses of one, and equal weights", arguments: [2, 3])
  func losses(_ count: Int) throws {
    let images = try CaptionedImages(rendering: 24, size: 64, seed: 2, prompts: Self.prompts())
    let (one, several) = (folder.appendingPathComponent("one"), folder.appendingPathComponent("several"))
    let configuration = Self.configuration()
    let alone = try Self.train(images, configuration, state: one, .alone)
    let found = try RankThreads.run(count) {
      try Self.train(images, configuration, state: several, $0)
    }
    #expect(alone.losses.count == 4)
    for trained in found {
      #expect(Self.near(trained.losses, alone.losses), "\(trained.losses) \(alone.losses)")
      #expect(trained.losses == found[0].losses)
      #expect(trained.weights == found[0].weights)
    }
  }

  @Test("One process continues what two began, and three what one began; a stop of one stops all")
  func resume() throws {
    let images = try CaptionedImages(rendering: 24, size: 64, seed: 2, prompts: Self.prompts())
    let configuration = Self.configuration()
    let alone = try Self.train(
      images, configuration, state: folder.appendingPathComponent("whole"), .alone)
    for (before, after) in [(2, 1), (1, 3)] {
      let state = folder.appendingPathComponent("\(before)-\(after)")
      let first = try RankThreads.run(before) {
        try Self.train(images, configuration, state: state, stop: 3, $0)
      }
      #expect(first.allSatisfy { $0.error == .interrupted(step: 3) })
      let second = try RankThreads.run(after) {
        try Self.train(images, configuration, state: state, resuming: true, $0)
      }
      for trained in second { #expect(Self.near(first[0].losses + trained.losses, alone.losses)) }
    }
  }

  @Test("A loss that is no number ends all processes with the same error")
  func divergence() throws {
    let images = try CaptionedImages(rendering: 24, size: 64, seed: 2, prompts: Self.prompts())
    var settings = Self.configuration()
    settings.learningRate = 1e30
    let state = folder.appendingPathComponent("state")
    let configuration = settings
    let found = try RankThreads.run(2) { try Self.train(images, configuration, state: state, $0) }
    guard case .diverged = found[0].error else {
      Issue.record("\(String(describing: found[0].error))")
      return
    }
    #expect(found[1].error == found[0].error)
  }

  @Test("Pictures that processes render in parts are those of one, with captions and masks")
  func images() throws {
    let whole = try CaptionedImages(rendering: 10, size: 32, seed: 2, prompts: Self.prompts())
    let found = try RankThreads.run(3) { processes in
      let part = processes.part(of: 10)
      return try CaptionedImages(
        rendering: part.count, from: part.lowerBound, size: 32, seed: 2, prompts: Self.prompts()
      ).joined(by: processes)
    }
    for images in found {
      #expect(images.captions == whole.captions)
      #expect(try images.pixels.isEqual(to: whole.pixels))
      let (scenes, known) = (try #require(images.scenes), try #require(whole.scenes))
      #expect(try scenes.masks.isEqual(to: known.masks))
      #expect(scenes.lesions == known.lesions && scenes.confounders == known.confounders)
    }
  }

  @Test("More processes than pictures of a batch are an error that says so")
  func tooMany() throws {
    let images = try CaptionedImages(rendering: 4, size: 64, seed: 2, prompts: Self.prompts())
    var settings = Self.configuration()
    settings.batchSize = 2
    let configuration = settings
    let state = folder.appendingPathComponent("state")
    for outcome in try RankThreads.outcomes(3, { try Self.train(images, configuration, state: state, $0) }) {
      #expect(throws: PretrainingError.processes(3, batchSize: 2)) { try outcome.get() }
    }
  }
}
