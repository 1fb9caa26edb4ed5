"""What is said of handing in, and of grading what was handed in: in English and in Portuguese."""

from __future__ import annotations

from course.words import fill

TEXTS: dict[str, tuple[str, str]] = {
    # A name.
    "class_and_name": ('CLASS "NAME"', 'TURMA "NOME"'),
    "bad_name": (
        "say class and name, each of 1 to {most} characters: {command}",
        "diga a turma e o nome, cada um de 1 a {most} caracteres: {command}"),
    "named": (
        "You are {name}, of the class {class_code}.",
        "Você é {name}, da turma {class_code}."),
    # Packing.
    "no_name": (
        "say first who you are: {command}",
        "diga antes quem você é: {command}"),
    "too_large_to_pack": (
        "{file} has {size} bytes, and at most {most} are packed: is this the right file?",
        "{file} tem {size} bytes, e no máximo {most} são empacotados: é o arquivo certo?"),
    "packed": (
        "Packed for {name}, of the class {class_code}:",
        "Empacotado para {name}, da turma {class_code}:"),
    "packed_file": ("  {file}  {lines} lines", "  {file}  {lines} linhas"),
    "not_begun": ("Not begun: {lessons}", "Não começadas: {lessons}"),
    "spoilt": (
        "progress.jsonl: line {line} does not follow from the one before. It is packed as it is.",
        "progress.jsonl: a linha {line} não segue da anterior. Vai empacotado como está."),
    "hand_in": ("Hand in this one file: {file}", "Entregue este único arquivo: {file}"),
    "not_written": ("{file} cannot be written: {why}", "{file} não pode ser gravado: {why}"),
    # Collecting.
    "no_folder": (
        "{folder}: this folder cannot be read: {why}",
        "{folder}: esta pasta não pode ser lida: {why}"),
    "which_folder": ("say which folder: {command}", "diga qual pasta: {command}"),
    "folder": ("FOLDER", "PASTA"),
    "nothing": (
        "{folder}: there is nothing in this folder", "{folder}: não há nada nesta pasta"),
    "careful": (
        "Files: {count}. This runs the programs of strangers in them, as the user who you are now. "
        "Do it\nas a user who owns nothing, or in a container without a network: docs/teaching.md.",
        "Arquivos: {count}. Isto executa os programas de estranhos que há neles, como o usuário "
        "que você é\nagora. Faça isso como um usuário que não possui nada, ou num contêiner sem "
        "rede: docs/teaching.pt-BR.md."),
    "graded": (
        "  {at}/{count}  {file}  {name}  {passed} of {checks} checks{trouble}",
        "  {at}/{count}  {file}  {name}  {passed} de {checks} verificações{trouble}"),
    "with_troubles": (", troubles: {count}", ", problemas: {count}"),
    "summary": (
        "{graded} of {count} files graded, {troubled} with troubles, in {took_s:.1f} s: {marks}",
        "{graded} de {count} arquivos corrigidos, {troubled} com problemas, em {took_s:.1f} s: "
        "{marks}"),
    "kept_marks": (
        "The marks of before are kept: {file}", "As notas de antes estão guardadas: {file}"),
    # The columns of the marks. Those of a lesson begin with its number.
    "column.file": ("file", "arquivo"),
    "column.class": ("class", "turma"),
    "column.name": ("name", "nome"),
    "column.passed": ("{lesson} passed", "{lesson} passaram"),
    "column.checks": ("{lesson} checks", "{lesson} verificações"),
    "column.prediction": ("{lesson} prediction", "{lesson} previsão"),
    "column.hints": ("{lesson} hints", "{lesson} dicas"),
    "column.mutants_right": ("{lesson} mutants right", "{lesson} mutantes certos"),
    "column.mutants": ("{lesson} mutants read", "{lesson} mutantes lidos"),
    "column.measured_ms": ("{lesson} measured ms", "{lesson} medido ms"),
    "column.fits": ("{lesson} figure fits the name", "{lesson} medida confere com o nome"),
    "column.incidents": ("incidents", "incidentes"),
    "column.points": ("points of incidents", "pontos dos incidentes"),
    "column.passed_all": ("checks passed", "verificações que passaram"),
    "column.troubles": ("troubles", "problemas"),
    # What stands in them.
    "right": ("right", "certa"),
    "not_right": ("not right", "errada"),
    "afterwards": ("after the run", "depois de rodar"),
    "yes": ("yes", "sim"),
    "no": ("no", "não"),
    # Troubles of a whole file.
    "trouble.unread": ("cannot be read: {why}", "não pode ser lido: {why}"),
    "trouble.no_file": (
        "is a link, a device or a pipe, and was not opened",
        "é um link, um dispositivo ou um pipe, e não foi aberto"),
    "trouble.too_deep": (
        "is a folder, too deep in others: its files were not read, move them up",
        "é uma pasta, funda demais dentro de outras: os arquivos dela não foram lidos, mova-os "
        "para cima"),
    "trouble.too_large": (
        "has {size} bytes, more than {most}: not read",
        "tem {size} bytes, mais de {most}: não foi lido"),
    "trouble.empty": ("is empty", "está vazio"),
    "trouble.no_pack": (
        "is no packed file: {command}", "não é um arquivo empacotado: {command}"),
    "trouble.no_student": (
        "has no class and no name", "não tem turma nem nome"),
    "trouble.cut_off": (
        "was cut off: its end is missing", "foi cortado: falta o final"),
    "trouble.changed": (
        "was changed after it was packed", "foi mudado depois de empacotado"),
    "trouble.bad_line": (
        "line {line} cannot be read", "a linha {line} não pode ser lida"),
    "trouble.too_many_lines": (
        "has more than {most} lines: the others were not read",
        "tem mais de {most} linhas: as outras não foram lidas"),
    "trouble.passed_over": (
        "brings {file}, which belongs to no lesson: passed over",
        "traz {file}, que não é de nenhuma lição: ignorado"),
    "trouble.twice_in_it": (
        "brings {file} twice: the first one counts", "traz {file} duas vezes: vale o primeiro"),
    "trouble.file_too_large": (
        "{file} has {size} bytes, more than {most}: not run",
        "{file} tem {size} bytes, mais de {most}: não foi executado"),
    "trouble.left_out": (
        "{count} files more stand in the folder: only {most} are graded at once",
        "há mais {count} arquivos na pasta: só {most} são corrigidos de uma vez"),
    "trouble.not_graded": ("not graded yet", "ainda não corrigido"),
    "trouble.changed_meanwhile": (
        "was changed while the class was graded: not run",
        "foi mudado enquanto a turma era corrigida: não foi executado"),
    "trouble.grading": (
        "grading it has failed: {why}", "a correção dele falhou: {why}"),
    # Troubles of a person.
    "trouble.same_file": ("the same file as {others}", "o mesmo arquivo que {others}"),
    "trouble.same_name": ("the same name as {others}", "o mesmo nome que {others}"),
    "trouble.renamed": (
        "its name was another one before: {names}", "o nome era outro antes: {names}"),
    "trouble.other_name": (
        "the progress is that of {name}", "o progresso é de {name}"),
    "trouble.unnamed": (
        "the progress has no name", "o progresso não tem nome"),
    # Troubles of the progress.
    "trouble.no_progress": ("brings no progress", "não traz progresso"),
    "trouble.spoilt": (
        "the progress was changed: line {line} does not follow from the one before; it counts up "
        "to there",
        "o progresso foi mudado: a linha {line} não segue da anterior; vale até ali"),
    "trouble.afterwards": (
        "{lesson}: ran before it was predicted", "{lesson}: rodou antes da previsão"),
    "trouble.unfit": (
        "{lesson}: a figure with the number {found}, and the name gives {wanted}: whose is it?",
        "{lesson}: uma medida com o número {found}, e o nome dá {wanted}: de quem é?"),
    # Troubles of a solution.
    "trouble.copied": (
        "{lesson}: the same code as {others}", "{lesson}: o mesmo código que {others}"),
    "trouble.renamed_code": (
        "{lesson}: the same code with other names as {others}",
        "{lesson}: o mesmo código com outros nomes que {others}"),
    "trouble.reference": (
        "{lesson}: the course's own solution", "{lesson}: a solução do próprio curso"),
    "trouble.unusual": (
        "{lesson}: uses {what}, which no solution needs: read it",
        "{lesson}: usa {what}, de que nenhuma solução precisa: leia"),
    "trouble.unlike": (
        "{lesson}: cannot be compared with others: read it",
        "{lesson}: não pode ser comparado com outros: leia"),
    "trouble.error": ("{lesson}: {check}: {why}", "{lesson}: {check}: {why}"),
    "trouble.too_long": (
        "{lesson}: {check} took too long, in line {line}",
        "{lesson}: {check} demorou demais, na linha {line}"),
    "trouble.too_long_nowhere": (
        "{lesson}: {check} took too long", "{lesson}: {check} demorou demais"),
    "trouble.ended": (
        "{lesson}: {check}: has ended its process", "{lesson}: {check}: encerrou o processo"),
    "trouble.ours": (
        "{lesson}: {check}: a fault of the course, not of the file: {why}",
        "{lesson}: {check}: uma falha do curso, não do arquivo: {why}"),
    "trouble.given_up": (
        "{lesson}: after {most} checks that had to be stopped, the others were not run",
        "{lesson}: depois de {most} verificações interrompidas, as outras não foram executadas"),
}


def text(key: str, language: str, **values: object) -> str:
    """A sentence in "en" or "pt", with its fields filled in."""
    return fill(TEXTS, key, language, values)
