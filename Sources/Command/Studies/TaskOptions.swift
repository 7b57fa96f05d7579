import Studies

/// The options that share the folds of a study among processes, for `loso` and `ablate`.
struct TaskOptions: OptionGroup {
  let plan = Option.flag(
    "plan", "write study.json and print one line for each fold: its number, site, arm and seed")
  let folds = Option<[Int]>.folds
  let collect = Option.flag(
    "collect", "train nothing: check that every fold is there and of this study, and write the results")

  /// The part of a study that a call does.
  enum Part: Equatable {
    /// All of it.
    case whole
    /// The settings and the list of folds.
    case plan
    /// Some folds, by their numbers.
    case folds([Int])
    /// The results.
    case collect

    /// Whether it trains folds, on the device of the plan.
    var trains: Bool { self != .plan && self != .collect }
  }

  /// Returns the part of a study that a call does.
  ///
  /// - Throws: `UsageError` for two parts at once.
  static func part(_ arguments: Arguments<TaskOptions>) throws -> Part {
    let (plan, folds, collect) = (try arguments.plan, try arguments.folds, try arguments.collect)
    let given = [plan ? "plan" : nil, folds.isEmpty ? nil : "fold", collect ? "collect" : nil]
      .compactMap { $0 }
    guard given.count < 2 else {
      throw UsageError.conflict(
        "--\(given[0])", with: given[1], reason: "each is a call of its own; plan, train the folds, collect")
    }
    if plan { return .plan }
    if collect { return .collect }
    return folds.isEmpty ? .whole : .folds(folds)
  }
}

extension Option<[Int]> {
  /// The numbers of folds.
  fileprivate static var folds: Option {
    Option(
      "fold", "N|N-M", words: .commas, remark: "all, and then the results", absent: [],
      "train only these folds, by their numbers in --plan"
    ) { words in
      let text = words.joined(separator: ",")
      guard let numbers = FoldNumbers.numbers(in: text), !numbers.isEmpty else {
        throw WrongWord(word: text, reason: .needs("numbers of folds are needed, such as 3 or 0-3,7"))
      }
      return numbers
    }
  }
}
