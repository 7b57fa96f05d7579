import Foundation
import Storage
import Torch

/// The words of one modality: lesion classes, confounders in groups, and the sentences they are put into.
///
/// Read from a JSON5 file that a clinician can edit (`Prompts/endoscopy.json5`); method, section 2.
public struct PromptSet: Codable, Equatable, Sendable {
  /// One confounder.
  public struct Confounder: Codable, Equatable, Sendable {
    /// What tables call it.
    public var name: String
    /// What takes the place of `{domain}`.
    public var text: String
    /// How it changes a picture (ours), where that can be told; nil when the words are all there is.
    public var mechanism: Mechanism?
    /// The weakest and the strongest that the mechanism is drawn, 0 to 1; nil for `defaultStrength`.
    public var strength: [Double]?

    /// The strengths of a mechanism for which the file says nothing.
    public static let defaultStrength = 0.3...1.0

    /// The strengths that the mechanism is drawn with.
    public var strengthRange: ClosedRange<Double> {
      guard let strength, strength.count == 2, strength[0] <= strength[1] else { return Self.defaultStrength }
      return strength[0]...strength[1]
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case name, text, mechanism, strength }
  }

  /// Confounders of one kind.
  public struct Group: Codable, Equatable, Sendable {
    /// What tables call the kind.
    public var name: String
    /// Its members.
    public var confounders: [Confounder]

    enum CodingKeys: String, CodingKey, CaseIterable { case name, confounders }
  }

  /// The sentences; the class is `{class}`, or with its article `{a class}` or `{A class}`.
  public struct Templates: Codable, Equatable, Sendable {
    /// With the class.
    public var `class`: Template
    /// With `{domain}`.
    public var confounder: Template
    /// With the class and `{domain}`.
    public var joint: Template

    enum CodingKeys: String, CodingKey, CaseIterable { case `class`, confounder, joint }
  }

  /// What kind of images the prompts are for.
  public var modality: String
  /// The lesion classes, K.
  public var classes: [String]
  /// Sentences for an image without a lesion; their embeddings are averaged.
  public var normal: [String]
  /// The sentences.
  public var templates: Templates
  /// The confounders by kind, M in all.
  public var groups: [Group]

  enum CodingKeys: String, CodingKey, CaseIterable { case modality, classes, normal, templates, groups }

  /// Reads and checks a prompt file.
  ///
  /// - Throws: `PromptError` with the file and everything that is wrong with it, `FileError` when it cannot be read.
  public init(contentsOf url: URL) throws {
    try self.init(json5: Data(file: url), name: url.path)
  }

  /// Reads and checks the text of a prompt file.
  init(json5 data: Data, name: String) throws {
    do {
      let document = try JSONValue(json5: data)
      let check = PromptCheck(document)
      guard check.faults.isEmpty else { throw PromptError(file: name, faults: check.faults) }
      self = try document.decoded(as: PromptSet.self)
    } catch let error as DecodingError {
      throw PromptError(file: name, faults: [PromptFault(reason: explanation(of: error))])
    }
  }

  /// All confounders in order, M.
  public var confounders: [Confounder] { groups.flatMap(\.confounders) }

  /// "A polyp in an endoscopic image": K times the template's sentences, those of a class together.
  public var classPrompts: [String] { classes.flatMap(prompts(class:)) }

  /// "An endoscopy image with blur": M times the template's sentences, those of a confounder together.
  public var confounderPrompts: [String] { confounders.flatMap(prompts(confounder:)) }

  /// "A polyp with blur": K·M times the template's sentences, those of a pair together, then the confounder
  /// fastest.
  public var jointPrompts: [String] {
    classes.flatMap { name in confounders.flatMap { prompts(class: name, confounder: $0) } }
  }

  /// The sentences of one class.
  func prompts(class name: String) -> [String] {
    templates.class.sentences.map { fill($0, class: name) }
  }

  /// The sentences of one confounder.
  func prompts(confounder: Confounder) -> [String] {
    templates.confounder.sentences.map { fill($0, domain: confounder.text) }
  }

  /// The sentences of a class with a confounder.
  func prompts(class name: String, confounder: Confounder) -> [String] {
    templates.joint.sentences.map { fill($0, class: name, domain: confounder.text) }
  }

  private func fill(_ template: String, class name: String = "", domain: String = "") -> String {
    let fillings: [(PromptPlaceholder, String)] = [
      (.name, name), (.withArticle, Article.indefinite(name) + " " + name),
      (.withCapitalArticle, Article.indefinite(name).capitalized + " " + name), (.domain, domain),
    ]
    return fillings.reduce(template) { $0.replacingOccurrences(of: $1.0.rawValue, with: $1.1) }
  }
}

/// What stands between braces in a template.
enum PromptPlaceholder: String, CaseIterable {
  /// The class as it is written.
  case name = "{class}"
  /// "a polyp", "an ulcer".
  case withArticle = "{a class}"
  /// "A polyp", "An ulcer".
  case withCapitalArticle = "{A class}"
  /// A confounder's text.
  case domain = "{domain}"
}

/// A prompt file that cannot be used.
public struct PromptError: Error, Equatable, CustomStringConvertible {
  /// The file.
  public let file: String
  /// Everything that is wrong.
  public let faults: [PromptFault]

  /// Says what is wrong with a file.
  public init(file: String, faults: [PromptFault]) {
    self.file = file
    self.faults = faults
  }

  /// One line that names the file when one thing is wrong; else a line for each below it.
  public var description: String {
    guard faults.count != 1 else { return "\(file): \(faults[0])" }
    return (["\(file): \(faults.count) faults"] + faults.map { "  \($0)" }).joined(separator: "\n")
  }
}
