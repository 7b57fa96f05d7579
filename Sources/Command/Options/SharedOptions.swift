import Foundation
import Metrics
import Segmentation
import Torch
import Training

/// The options that every command takes.
struct CommonOptions: OptionGroup {
  let json = Option.flag("json", "print one JSON document instead of a table")
  let quiet = Option.flag("quiet", "print no progress and no notes on standard error")
  let seed = Option.value("seed", "N", .seed, default: 0, "the seed of everything random")
  let threads: Option<Int?>
  let device: Option<Device>
  let help = Option.flag("help", "show this help")

  /// Declares the options for one command.
  ///
  /// - Parameters:
  ///   - threads: the command's default number of threads, for the help.
  ///   - meaning: the use of the threads, for the help.
  ///   - choosesDevice: whether the command can compute on devices other than the CPU.
  ///   - needsDevice: whether the device must be there. Another machine may be the one that computes.
  init(
    threads: String = "one a core", meaning: String = "threads that share the work of one operator",
    choosesDevice: Bool, needsDevice: Bool = true
  ) {
    self.threads = .optional("threads", "N", .integer(atLeast: 1), remark: threads, meaning)
    device = .value(
      "device", choosesDevice ? "cpu|cuda:0|mps" : "cpu",
      choosesDevice ? needsDevice ? .device : .anyDevice : .cpuOnly, default: .cpu,
      choosesDevice ? "the device to compute on" : "this command computes on the CPU")
  }
}

/// The options that several commands declare in the same way.
enum Shared {
  static let data = Option.required("data", "DATA", .text, "a folder of sites, or a sites.json5")
  static let clip = Option.required(
    "clip", "CLIP", .text,
    "tiny, a CLIP folder, an image trunk where no words are read, or random:FILE for random weights of that "
      + "geometry")
  static let holdOut = Option.required("hold-out", "SITE", .text, "the site that takes no part in training")
  static let allowLeakage = Option.flag(
    "allow-leakage", "continue although the same patient or picture is at the held-out site")
  static let prompts = Option.optional(
    "prompts", "FILE", .text, remark: ProjectFiles.standardPrompts,
    "the prompt file, or its name in mcdrl prompts list")
  static let inference = Option.spaces(
    "set", "KEY=VALUE", .text, remark: "those of the run",
    "settings of inference by dotted name, such as inference.flips=false")
  static let threshold = Option.optional(
    "threshold", "P|dice", .threshold, remark: "the run's own, inference.threshold",
    "the lowest probability of a lesion pixel; dice finds the level of each image")
  static let maxPixels = Option.optional(
    "max-pixels", "N", .integer(atLeast: 1), remark: "maxPixels of the run", "refuse larger images")
  static let timeout = Option.value(
    "timeout", "MINUTES", .integer(atLeast: 1, atMost: 100_000),
    default: Int(ProcessGroup.defaultTimeout / 60), "how long a process of torchrun waits for the others")
  static let link = Option.value(
    "link", "P", .probability, default: 0.8, "how often a confounder follows the lesion at source sites")

  static let decoding = Option.value(
    "decoding", choices(Predictor.Decoding.self), .choice(of: Predictor.Decoding.self), default: .whole,
    "reduced decodes large JPEGs at a fraction of their size: faster, levels differ slightly")

  /// Declares the option for a file or folder to write.
  static func out(_ placeholder: String, _ help: String) -> Option<URL> {
    .required("out", placeholder, .file, help)
  }

  /// Declares the option for the arithmetic of inference.
  static func precision(_ remark: String) -> Option<Precision?> {
    .optional(
      "precision", choices(Precision.self), .choice(of: Precision.self), remark: remark,
      "the arithmetic of inference")
  }
}

/// The options for distances between masks.
struct DistanceOptions: OptionGroup {
  let tolerance = Option.value(
    "tolerance", "D", .notNegative, default: 2,
    "surface Dice accepts this distance, in pixels, or in mm with --spacing")
  let spacing = Option.optional(
    "spacing", "X[,Y]", .spacing, "mm per pixel, across and down; distances are then in mm")
}

/// The options for scores of maps.
struct ScoringOptions: OptionGroup {
  let evaluation = Option.value(
    "protocol", choices(EvaluationProtocol.self), .choice(of: EvaluationProtocol.self),
    default: .fixedThreshold,
    "pranet adds the measures of the polyp literature over 256 thresholds")
  let distances = DistanceOptions()
  let threshold: Option<MaskThreshold?>

  init(threshold: Option<MaskThreshold?> = Shared.threshold) { self.threshold = threshold }
}

extension ValueForm where Value == Device {
  /// A device that this libtorch supports.
  static var device: ValueForm {
    ValueForm(
      read: { word in
        let device = try Device(parsing: word)
        try device.requireAvailable()
        return device
      }, text: \.description)
  }

  /// A device that this machine may lack.
  static var anyDevice: ValueForm { ValueForm(read: { try Device(parsing: $0) }, text: \.description) }

  /// The CPU only.
  static var cpuOnly: ValueForm { device.checked("this command computes on the cpu only") { $0 == .cpu } }
}

extension ValueForm where Value == Tuning {
  /// The trained part of the image tower.
  static var tuning: ValueForm {
    ValueForm(
      read: { word in
        guard let tuning = Tuning(word) else { throw WrongValue.unknown(known: ["none", "last-N", "all"]) }
        return tuning
      }, text: \.description)
  }
}

extension ValueForm where Value == MaskThreshold {
  /// The rule of lesion pixels: a number from 0 to 1, or `dice`.
  static var threshold: ValueForm {
    parsed(needs: "\(MaskThreshold.possible) is needed", text: \.description) { MaskThreshold($0) }
  }
}

extension ValueForm where Value == PixelSpacing {
  /// The pixel spacing in millimetres: `X`, or `X,Y`.
  static var spacing: ValueForm {
    ValueForm(
      read: { word in
        let numbers = word.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard (1...2).contains(numbers.count), let x = numbers[0], let y = numbers[numbers.count - 1],
          let spacing = try? PixelSpacing(x: x, y: y)
        else {
          throw WrongValue.needs("millimetres per pixel are needed, as X or X,Y, both above 0")
        }
        return spacing
      }, text: { "\($0.x.short),\($0.y.short)" })
  }
}
