import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// What gives the styles of confounders that act by their words; all but the words are controls.
public enum StyleDirections: String, NamedChoice, Sendable {
  /// The words of each confounder.
  case words
  /// The words of another confounder.
  case shuffled
  /// Random directions, each of the size of the style of the words.
  case random
  /// The statistics of other images, each as far away as the style of the words.
  case images

  /// Returns the confounders whose words must be searched for the styles of some.
  ///
  /// - Parameters:
  ///   - styled: the indices of the confounders that get styles.
  ///   - count: M.
  /// - Returns: the indices of the searched confounders.
  func sources(of styled: Set<Int>, count: Int) -> Set<Int> {
    // `PromptStyles.shuffled` gives each the style of the one before it.
    self == .shuffled ? Set(styled.map { ($0 + count - 1) % count }) : styled
  }
}

extension Interventions {
  /// Reads the confounders of a prompt set as settings of training use them.
  init(_ prompts: PromptSet, of settings: RunConfiguration) {
    self.init(prompts, without: settings.interventions.without, styles: settings.interventions.styles)
  }
}

/// The styles by which confounders without a mechanism act in training.
struct TrainingStyles: Sendable {
  /// The number of images that styles are mined on.
  private static let images = 16

  /// The styles.
  let styles: PromptStyles
  private let styled: Set<Int>

  /// Mines the styles of a run on some of its training images, or reads those that it has mined.
  ///
  /// The tower must have its first weights: it is what knows the words. The value is nil if no
  /// confounder acts by its words.
  ///
  /// - Parameters:
  ///   - settings: the settings of the run.
  ///   - interventions: the confounders.
  ///   - system: the model.
  ///   - bank: the training images.
  ///   - run: the folder of the run.
  ///   - resuming: whether the run has mined them before.
  ///   - processes: those that train; the first one mines.
  ///   - progress: called with every event.
  /// - Throws: an error that names the file, or `TorchError`.
  init?(
    _ settings: RunConfiguration, _ interventions: Interventions, _ system: SegmentationSystem,
    _ bank: SampleBank, _ run: RunFolder, resuming: Bool, _ processes: Processes = .alone,
    _ progress: TrainingProgress = TrainingProgress()
  ) throws {
    guard settings.interventionShare > 0, !interventions.styled.isEmpty else { return nil }
    styled = interventions.styled
    var mined: PromptStyles?
    if !resuming {
      try processes.first {
        mined = try Self.mined(settings, interventions, system, bank, run, progress)
      }
    }
    styles = try mined ?? Self.stored(run)
  }

  /// Mines the styles, and writes them into the folder of the run.
  private static func mined(
    _ settings: RunConfiguration, _ interventions: Interventions, _ system: SegmentationSystem,
    _ bank: SampleBank, _ run: RunFolder, _ progress: TrainingProgress
  ) throws -> PromptStyles {
    let rows = try Array(
      Tensor.randomPermutation(
        bank.samples.count, generator: Generator(seed: settings.seed, for: "styles")
      ).array(of: Int.self).prefix(images))
    let total = interventions.styled.count
    progress.report(.styling(done: 0, total: total))
    let found = try system.styles(
      of: bank.batch(rows).images, for: interventions.styled, directions: settings.interventions.directions,
      generator: Generator(seed: settings.seed, for: "style directions")
    ) { progress.report(.styling(done: $0, total: total)) }
    try SafetensorsFile.write(
      ["shifts": found.shifts, "scales": found.scales], metadata: ["depth": "\(found.depth)"],
      to: run.stylesFile)
    return found
  }

  /// Reads the styles of a run.
  private static func stored(_ run: RunFolder) throws -> PromptStyles {
    let file = try SafetensorsFile(run.stylesFile)
    let tensors = try file.tensors()
    guard let shifts = tensors["shifts"], let scales = tensors["scales"],
      let depth = file.metadata["depth"].flatMap({ Int($0) }), shifts.shape == scales.shape,
      shifts.shape.count == 3
    else { throw RunError.notAState(run.stylesFile) }
    return PromptStyles(depth: depth, shifts: shifts, scales: scales)
  }

  /// Draws the restyling of a batch: each confounder that acts by its words, as strongly as it was set.
  ///
  /// - Parameters:
  ///   - pairs: the intervened rows of this process.
  ///   - generator: the source of the draws.
  ///   - rows: the places of these rows among all intervened ones.
  /// - Returns: the changes; nil if no such confounder was set.
  /// - Throws: `TorchError` with libtorch's message.
  func restyling(
    _ pairs: InterventionPairs?, _ generator: Generator, rows: OwnRows
  ) throws -> Restyling? {
    guard let pairs else { return nil }
    let count = try pairs.applied.size(1)
    let strengths = try pairs.applied.doubles()
    let all = try Tensor.randomIntegers([rows.all * count], high: styles.count, generator: generator)
      .array(of: Int.self)
    let draws = rows.areAll ? all : rows.indices.flatMap { all[($0 * count)..<(($0 + 1) * count)] }
    let changes = strengths.indices.compactMap { place -> PromptStyles.Change? in
      let (row, entry) = (place / count, place % count)
      guard strengths[place] > 0, styled.contains(entry) else { return nil }
      return PromptStyles.Change(
        row: pairs.intervened[row], entry: entry, style: draws[place], strength: strengths[place])
    }
    return changes.isEmpty ? nil : Restyling(styles: styles, changes: changes)
  }
}

/// The changes of a batch inside the tower.
struct Restyling: Sendable {
  let styles: PromptStyles
  let changes: [PromptStyles.Change]
}

extension SegmentationSystem {
  /// Mines styles on images with the tower's present weights.
  ///
  /// - Parameters:
  ///   - images: n×3×S×S from 0 to 1.
  ///   - styled: the indices of the confounders that get styles.
  ///   - directions: what gives the styles.
  ///   - generator: the source of the controls.
  ///   - progress: receives the number of finished confounders.
  /// - Returns: n styles of each confounder; those of a confounder that gets none may be 0.
  /// - Throws: `TorchError` if the shapes do not fit.
  func styles(
    of images: Tensor, for styled: Set<Int>, directions: StyleDirections, generator: Generator,
    progress: (Int) -> Void = { _ in }
  ) throws -> PromptStyles {
    let (tower, pixels) = try copiedTower(for: images)
    try tower.requireGradients(false)
    let words = model.text.confounders
    let mined = try PromptStyles.mined(
      tower, pixels: pixels, words: words, entries: directions.sources(of: styled, count: words.size(0)),
      progress: progress)
    switch directions {
    case .words: return mined
    case .shuffled: return try mined.shuffled()
    case .random: return try mined.randomized(generator)
    case .images:
      return try mined.towardImages(tower.trunk(pixels, depth: mined.depth).input, generator)
    }
  }
}
