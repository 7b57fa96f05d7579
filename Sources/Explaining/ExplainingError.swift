import Foundation

/// An explanation that is not possible.
package enum ExplainingError: Error, Equatable, CustomStringConvertible {
  /// The prompt file has other confounders than the trained run.
  case otherPrompts(URL, found: Int, wanted: Int)
  /// No confounder has a mechanism.
  case noMechanisms(URL?)
  /// The run segments several classes, and an explanation is of one mask.
  case severalClasses([String])
  /// An output folder holds another explanation.
  case folderInUse(URL, holds: String)
  /// The run was trained on an image trunk without words.
  case noWords(URL)
  /// The predictions are the mean of several models.
  case severalModels(count: Int)
  /// A confounder cannot be applied.
  case unknownConfounder(URL?, name: String, known: [String])

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .otherPrompts(let url, let found, let wanted):
      "\(url.path): holds \(found) confounders, the run's weights \(wanted); put back the file that the run was trained with"
    case .severalClasses(let names):
      "the run segments several classes (\(names.joined(separator: ", "))), and an explanation is of one mask; train a "
        + "run of one, such as classes=[\"\(names.first ?? "")\"]"
    case .folderInUse(let url, let holds): "\(url.path): \(holds); choose another folder, or remove this one"
    case .severalModels(let count):
      "an ensemble of outputs is the mean of \(count) models, each with its own attention; explain one of the folders in "
        + "its members/, or an ensemble of weights"
    case .noMechanisms(let url):
      "\(Self.place(url))no confounder has a mechanism, so none can be set: give at least one, such as mechanism: \"blur\", "
        + "or leave the sweep out"
    case .noWords(let url):
      "\(url.path): the run was trained on an image trunk without words, and an explanation measures confounders by words; "
        + "train with words of mcdrl clip pretrain --trunk (docs/guides/real-hospitals.md)"
    case .unknownConfounder(let url, let name, let known):
      "\(Self.place(url))no confounder with a mechanism is called \"\(name)\"; there are \(known.joined(separator: ", "))"
    }
  }

  private static func place(_ url: URL?) -> String { url.map { "\($0.path): " } ?? "" }
}
