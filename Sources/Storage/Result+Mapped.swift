extension Result where Failure == any Error {
  /// Applies a function to a success and throws its error.
  ///
  /// So a bad file can be noted while an error of other kind ends the work.
  ///
  /// - Parameter change: the function.
  /// - Returns: the changed success, or the failure.
  /// - Throws: the error of `change`.
  package func mapped<Other>(_ change: (Success) throws -> Other) throws -> Result<Other, any Error> {
    switch self {
    case .success(let value): .success(try change(value))
    case .failure(let error): .failure(error)
    }
  }
}
