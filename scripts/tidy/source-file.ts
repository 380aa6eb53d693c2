import ts from 'typescript'
import { functionLinesMax, impureNames } from './table.js'

/** What a TypeScript file says that the rules ask about. Lines count from 1. */
export interface SourceFacts {
  readonly lines: number
  readonly imports: readonly ImportFact[]
  readonly longFunctions: readonly { readonly line: number; readonly name: string; readonly lines: number }[]
  readonly impure: readonly { readonly line: number; readonly name: string }[]
  readonly assertions: readonly { readonly line: number; readonly text: string }[]
  /** Exported functions and classes without a doc comment. */
  readonly undocumented: readonly { readonly line: number; readonly name: string }[]
  readonly comments: readonly { readonly line: number; readonly text: string }[]
}

export interface ImportFact {
  readonly line: number
  readonly module: string
  readonly typeOnly: boolean
}

/** Reads a file with the compiler's own parser; types are not needed. */
export function readSource(path: string, text: string): SourceFacts {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const lineOf = (node: ts.Node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
  const spanOf = (node: ts.Node) => source.getLineAndCharacterOfPosition(node.getEnd()).line + 1 - lineOf(node) + 1
  const imports: ImportFact[] = []
  const longFunctions: { line: number; name: string; lines: number }[] = []
  const impure: { line: number; name: string }[] = []
  const assertions: { line: number; text: string }[] = []
  const visit = (node: ts.Node): void => {
    const imported = importOf(node)
    if (imported !== null) imports.push({ line: lineOf(node), ...imported })
    if (isFunction(node)) {
      const lines = spanOf(node) - (path.startsWith('tests/') ? innerLines(node, spanOf) : 0)
      if (lines > functionLinesMax) longFunctions.push({ line: lineOf(node), name: functionName(node), lines })
    }
    const name = impureName(node)
    if (name !== null) impure.push({ line: lineOf(node), name })
    if (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)) {
      assertions.push({ line: lineOf(node), text: node.type.getText(source) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  const lines = text.split('\n')
  return {
    lines: text.endsWith('\n') ? lines.length - 1 : lines.length,
    imports,
    longFunctions,
    impure,
    assertions,
    undocumented: source.statements
      .filter(isUndocumented)
      .map((node) => ({ line: lineOf(node), name: node.name?.text ?? 'default' })),
    comments: commentsOf(source, text),
  }
}

function importOf(node: ts.Node): { module: string; typeOnly: boolean } | null {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return { module: node.moduleSpecifier.text, typeOnly: isTypeOnly(node) }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    return { module: node.moduleSpecifier.text, typeOnly: node.isTypeOnly }
  }
  if (ts.isCallExpression(node)) {
    const [argument] = node.arguments
    const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require'
    if (isImport && argument !== undefined && ts.isStringLiteralLike(argument)) return { module: argument.text, typeOnly: false }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { module: node.argument.literal.text, typeOnly: true }
  }
  return null
}

function isUndocumented(node: ts.Statement): node is ts.FunctionDeclaration | ts.ClassDeclaration {
  if (!ts.isFunctionDeclaration(node) && !ts.isClassDeclaration(node)) return false
  const isExported = (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
  return isExported && ts.getJSDocCommentsAndTags(node).length === 0
}

/** `import type …`, or braces in which each name is a type. */
function isTypeOnly(node: ts.ImportDeclaration): boolean {
  const clause = node.importClause
  if (clause === undefined) return false
  if (clause.isTypeOnly) return true
  const bindings = clause.namedBindings
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly)
}

type FunctionNode =
  | ts.FunctionDeclaration
  | ts.FunctionExpression
  | ts.ArrowFunction
  | ts.MethodDeclaration
  | ts.ConstructorDeclaration
  | ts.AccessorDeclaration

function isFunction(node: ts.Node): node is FunctionNode {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined
}

/** Lines of the functions right inside this one: a suite of tests is as long as its tests, each of which is measured itself. */
function innerLines(outer: FunctionNode, spanOf: (node: ts.Node) => number): number {
  let lines = 0
  const visit = (node: ts.Node): void => {
    if (node === outer || !isFunction(node)) ts.forEachChild(node, visit)
    else if (spanOf(node) > 1) lines += spanOf(node)
  }
  visit(outer)
  return lines
}

function functionName(node: FunctionNode): string {
  if (node.name !== undefined) return node.name.getText()
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function without a name'
}

/** A name of the table that is read here: not a property of something else, not a declaration. */
function impureName(node: ts.Node): string | null {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments ?? []).length === 0) return 'new Date()'
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText().replace(/\s/g, '')
    return impureNames.includes(text) ? text : null
  }
  if (!ts.isIdentifier(node) || !impureNames.includes(node.text)) return null
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return null
  if ((ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent)) && parent.name === node) return null
  return ts.isTypeNode(parent) ? null : node.text
}

function commentsOf(source: ts.SourceFile, text: string): { line: number; text: string }[] {
  const seen = new Map<number, string>()
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      seen.set(range.pos, text.slice(range.pos, range.end))
    }
    for (const range of ts.getTrailingCommentRanges(text, node.getEnd()) ?? []) {
      seen.set(range.pos, text.slice(range.pos, range.end))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [...seen].map(([at, comment]) => ({ line: source.getLineAndCharacterOfPosition(at).line + 1, text: comment }))
}
