import Foundation
import Storage
import Torch

/// The words of one modality: lesion classes, confounders in groups, and sentence templates.
///
/// They come from a JSON5 file that a clinician can edit (`Prompts/endoscopy.json5`). Method,
/// section 2.
public struct PromptSet: Codable, Equatable, Sendable {
  /// One confounder.
  public struct Confounder: Codable, Equatable, Sendable {
    /// Its name in tables.
    public var name: String
    /// The text that replaces `{domain}`.
    public var text: String
    /// Its change to an image (ours); nil if no mechanism exists.
    public var mechanism: Mechanism?
    /// The lowest and the highest strength of the mechanism, 0 to 1; nil for `defaultStrength`.
    public var strength: [Double]?

    /// The strengths of a mechanism if the file gives none.
    public static let defaultStrength = 0.3...1.0

    /// The strengths from which the mechanism is drawn.
    public var strengthRange: ClosedRange<Double> {
      guard let strength, strength.count == 2, strength[0] <= strength[1] else { return Self.defaultStrength }
      return strength[0]...strength[1]
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case name, text, mechanism, strength }
  }

  /// Confounders of one kind.
  public struct Group: Codable, Equatable, Sendable {
    /// The name of the kind in tables.
    public var name: String
    /// Its members.
    public var confounders: [Confounder]

    enum CodingKeys: String, CodingKey, CaseIterable { case name, confounders }
  }

  /// The sentence templates.
  ///
  /// The class is `{class}`, or with its article `{a class}` or `{A class}`.
  public struct Templates: Codable, Equatable, Sendable {
    /// The template with the class.
    public var `class`: Template
    /// The template with `{domain}`.
    public var confounder: Template
    /// The template with the class and `{domain}`.
    public var joint: Template

    enum CodingKeys: String, CodingKey, CaseIterable { case `class`, confounder, joint }
  }

  /// The kind of images of the prompts.
  public var modality: String
  /// The lesion classes, K.
  public var classes: [String]
  /// The sentences for an image without a lesion; their embeddings are averaged.
  public var normal: [String]
  /// The sentences.
  public var templates: Templates
  /// The confounders by kind, M in all.
  public var groups: [Group]

  enum CodingKeys: String, CodingKey, CaseIterable { case modality, classes, normal, templates, groups }

  /// Reads and checks a prompt file.
  ///
  /// - Throws: `PromptError` with the file and all its errors, `FileError` if the file cannot be
  ///   read.
  public init(contentsOf url: URL) throws {
    try self.init(json5: Data(file: url, limit: PromptCheck.mostBytes), name: url.path)
  }

  /// Reads and checks the text of a prompt file.
  init(json5 data: Data, name: String) throws {
    do {
      let document = try JSONValue(json5: data)
      let check = PromptCheck(document)
      guard check.faults.isEmpty else { throw PromptError(file: name, faults: check.faults) }
      self = try document.decoded(as: PromptSet.self)
    } catch  where error is DecodingError || error is JSONFault {
      throw PromptError(file: name, faults: [PromptFault(reason: explanation(of: error))])
    }
  }

  /// All confounders in order, M.
  public var confounders: [Confounder] { groups.flatMap(\.confounders) }

  /// "A polyp in an endoscopic image": K times the template's sentences, grouped by class.
  public var classPrompts: [String] { classes.flatMap(prompts(class:)) }

  /// "An endoscopy image with blur": M times the template's sentences, grouped by confounder.
  public var confounderPrompts: [String] { confounders.flatMap(prompts(confounder:)) }

  /// "A polyp with blur": K·M times the template's sentences, grouped by pair.
  ///
  /// The confounder varies faster than the class.
  public var jointPrompts: [String] {
    classes.flatMap { name in confounders.flatMap { prompts(class: name, confounder: $0) } }
  }

  /// Returns the sentences of one class.
  package func prompts(class name: String) -> [String] {
    templates.class.sentences.map { fill($0, class: name) }
  }

  /// Returns the sentences of one confounder.
  func prompts(confounder: Confounder) -> [String] {
    templates.confounder.sentences.map { fill($0, domain: confounder.text) }
  }

  /// Returns the sentences of a class with a confounder.
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

/// A placeholder of a template, with its braces.
enum PromptPlaceholder: String, CaseIterable {
  /// The class without change.
  case name = "{class}"
  /// The class with its article: "a polyp", "an ulcer".
  case withArticle = "{a class}"
  /// The class with a capital article: "A polyp", "An ulcer".
  case withCapitalArticle = "{A class}"
  /// The text of a confounder.
  case domain = "{domain}"
}

/// A prompt file that cannot be used.
public struct PromptError: Error, Equatable, CustomStringConvertible {
  /// The file.
  public let file: String
  /// All errors.
  public let faults: [PromptFault]

  /// Makes an error for a file.
  public init(file: String, faults: [PromptFault]) {
    self.file = file
    self.faults = faults
  }

  /// One line that names the file for a single error; otherwise one more line per error.
  public var description: String {
    guard faults.count != 1 else { return "\(file): \(faults[0])" }
    return (["\(file): \(faults.count) faults"] + faults.map { "  \($0)" }).joined(separator: "\n")
  }
}
