package runbook

import (
	"regexp"
	"strings"
	"unicode"
)

// Headings and orders in the languages, beside English, in which runbooks are often written: Chinese, French, German, Japanese and
// Spanish. A word stands here only if it hardly stands in English text.

// rolesAbroad maps words of headings to roles, as roleWords does. Words of scripts without spaces are looked for anywhere in a
// title, the others where a word begins.
var rolesAbroad = []struct {
	role  Role
	words []string
}{
	{RoleReference, []string{
		"verknüpfte", "weiterführende", "siehe auch", "verwandte", "änderungshistorie", "änderungsprotokoll", "versionshistorie", "anhang", "glossar", "quellen", "inhaltsverzeichnis", "referenz",
		"références", "voir aussi", "liens", "annexe", "historique", "glossaire", "ressources", "documents associés", "table des matières", "sommaire", "referencias", "historial", "enlaces", "ver también", "índice",
		"関連", "参考", "参照", "履歴", "リンク", "目次", "用語", "付録", "テンプレート", "相关", "参考", "附录", "目录", "更新记录", "变更记录", "修订", "版本历史", "链接", "术语",
	}},
	{RolePrereq, []string{
		"voraussetzung", "vorbereitung", "vorbedingung", "prérequis", "pré-requis", "préalable", "requisitos prev", "prerrequisito", "antes de empezar", "前提条件", "事前準備", "前置条件", "前提", "准备",
	}},
	{RoleContext, []string{
		"auslöser", "metadaten", "übersicht", "überblick", "zweck", "ziel", "zusammenfassung", "beschreibung", "hintergrund", "ursache", "mögliche ursache", "auswirkung", "bedeutung", "einleitung", "einführung",
		"wissen", "erwartet", "beispiel", "hinweis", "architektur", "aufbau", "geltungsbereich", "zuständigkeit", "verantwortlich", "grundlagen", "warum", "wann ",
		"vue d'ensemble", "vue d’ensemble", "contexte", "objectif", "résumé", "symptôme", "définition", "quand utiliser", "périmètre", "présentation", "métadonnées", "responsabilité", "livrable", "sévérité", "niveaux", "résultat attendu", "exempl", "pourquoi",
		"resumen", "descripción", "síntoma", "propósito", "objetivo", "alcance", "contexto", "causa", "responsab", "ejemplo", "introducción",
		"常见", "现象", "症状", "影响", "影響", "案例", "红线", "原则", "原則", "速查", "概述", "概要", "简介", "介绍", "背景", "目的", "目标", "目標", "架构", "原理", "分类", "分類", "定义", "定義", "说明", "适用", "总结", "指标", "阈值", "对比", "工具箱",
		"模型", "含义", "意味", "仕様", "要件", "一覧", "入力", "出力", "基準", "権限", "構成", "アーキテクチャ", "フロー図", "トリガー", "ポリシー", "補足", "役割", "責任", "対象",
	}},
	{RoleRollback, []string{"zurückrollen", "rückgängig", "zurücksetzen", "retour arrière", "annulation", "reversión", "ロールバック", "切り戻し", "回滚", "回退"}},
	{RoleEscalate, []string{"eskal", "ansprechpartner", "kontakt", "benachrichtig", "escalade", "astreinte", "escalado", "escalación", "escalamiento", "エスカレーション", "連絡", "报告", "報告", "上报", "通知", "联系"}},
	{RoleVerify, []string{"verifizier", "überprüf", "validier", "erfolgskontrolle", "prüfung", "vérif", "verificación", "verificar", "validación", "動作確認", "完了確認", "確認", "验证", "校验"}},
	{RoleDiagnose, []string{
		"fehlersuche", "fehleranalyse", "untersuch", "erste schritte", "évaluation", "diagnóstico", "調査", "診断", "切り分け", "初動", "トラブルシュート", "検知", "排查", "诊断", "排障", "定位", "检查", "信息收集", "巡检", "分析",
	}},
	{RoleAct, []string{
		"behebung", "fehlerbehebung", "maßnahme", "massnahme", "sofortmaßnahme", "schritt", "vorgehen", "ablauf", "anleitung", "durchführung", "lösung", "wiederherstell", "wartung", "neustart", "notfall",
		"procédure", "résolution", "étape", "remédiation", "rétablissement", "redémarr", "contournement", "mode opératoire", "déploiement", "restaur", "procedimiento", "solución", "resolución", "pasos", "mitigación", "reinici",
		"手順", "対応", "対処", "復旧", "解決", "作業", "クイックスタート", "復元", "再起動", "处理", "解决", "修复", "恢复", "步骤", "应急", "处置", "止损", "缓解", "重启", "清理", "扩容",
	}},
}

// roleAbroad gives the role that a heading in one of those languages names.
func roleAbroad(title string) Role {
	t := " " + strings.ToLower(title) + " "
	for _, r := range rolesAbroad {
		for _, w := range r.words {
			i := strings.Index(t, w)
			if i < 0 || !wide(w) && unicode.IsLetter(lastRune(t[:i])) {
				continue
			}
			return r.role
		}
	}
	return RoleNone
}

func lastRune(s string) rune {
	var last rune
	for _, r := range s[max(0, len(s)-4):] {
		last = r
	}
	return last
}

// wide tells a text of a script without spaces between words.
func wide(s string) bool {
	for _, r := range s {
		return r >= 0x2E80
	}
	return false
}

// verbsAbroad begin an order, in the forms in which orders are written.
const verbsAbroad = " prüfe prüfen überprüfe überprüfen stoppe stoppen stelle starte starten öffne öffnen führe kontaktiere kontaktieren informiere informieren benachrichtige erstelle erstellen lösche löschen warte warten melde melden dokumentiere dokumentieren " +
	"verifiziere verifizieren eskaliere eskalieren setze setzen ändere ändern aktualisiere aktualisieren installiere installieren kopiere kopieren wähle wählen klicke klicken gib füge entferne entfernen sichere sichern schalte deaktiviere deaktivieren aktiviere aktivieren " +
	"sammle identifiziere analysiere notiere ermittle beende beenden trenne isoliere verbinde nutze verwende konfiguriere falls sofern bitte stellen führen schalten vergleiche beobachte rufe " +
	"vérifier vérifiez redémarrer redémarrez lancer lancez exécuter exécutez ouvrir ouvrez consulter consultez contacter contactez arrêter arrêtez démarrer démarrez créer créez supprimer supprimez ajouter ajoutez mettre mettez informer informez prévenir prévenez " +
	"identifier identifiez analyser analysez corriger corrigez déployer déployez restaurer restaurez sauvegarder désactiver désactivez activer activez modifier modifiez configurer configurez installer installez attendre attendez documenter documentez notifier notifiez " +
	"escalader confirmer confirmez tester testez valider validez collecter collectez s'assurer assurez-vous utiliser utilisez cliquer cliquez choisir sélectionner sélectionnez récupérer isoler évaluer appliquer surveiller veuillez si " +
	"verifique verificar compruebe comprobar reinicie reiniciar ejecute ejecutar abra abrir revise revisar detenga detener inicie iniciar cree crear elimine eliminar contacte contactar espere esperar confirme confirmar seleccione notifique notificar asegúrese actualice instale configure "

var (
	// orderWide begins an order in Chinese, or ends one in Japanese.
	orderWide = regexp.MustCompile(`^(?:请|先|再|然后|如果|若|将|通过|检查|查看|确认|执行|运行|重启|启动|停止|回滚|扩容|缩容|收集|验证|联系|通知|登录|打开|点击|选择|输入|修改|更新|删除|清理|创建|添加|配置|设置|部署|备份|恢复|切换|下载|安装|使用|监控|观察|分析|定位|排查|记录|保存|导出|测试|等待|关闭|禁用|启用|调整|增加|减少|降级|限流|隔离|升级|上报|评估|拉取|提交|对比)|` +
		`(?:してください|して下さい|ください|します|を行う|を行います|する|せよ|を(?:確認|実行|再起動|停止|削除|作成|更新|設定|連絡|報告|記録|取得|適用|復旧|復元|起動|変更|追加|通知|検証|記述|収集|特定))[。:：)）]?$`)
	// dueAbroad tells that something has to be done, somewhere in a sentence.
	dueAbroad = regexp.MustCompile(`(?i)\b(bitte|veuillez|il faut|vous devez|assurez-vous|por favor|debe|deben)\b|请|してください|して下さい|(?:する|行う)必要|必须|需要(?:先|手动)`)
	// stepAbroad is a heading that counts steps.
	stepAbroad = regexp.MustCompile(`(?i)^\W{0,4}(schritt|étape|paso|passo)\s+#?([0-9]{1,2}|[a-z])\b|^[^\pL\pN]*(手順|ステップ|步骤|第)\s*[0-9一二三四五六七八九十]{1,3}\s*(?:步|[.:：、)）]|\s|$)`)
)

// ordersAbroad tells a text that begins by telling somebody to do something, in one of those languages.
func ordersAbroad(t string) bool {
	if t == "" || t[0] < 0x80 && !strings.Contains("abcdefgijklmnoprstuvw", t[:1]) {
		return false
	}
	if wide(t) {
		first, _, _ := strings.Cut(t, "。")
		if label, rest, ok := strings.Cut(first, "："); ok && len(label) <= 18 {
			first = rest // "检查项：": what stands behind the label may be an order
		}
		return orderWide.MatchString(strings.TrimSpace(first))
	}
	word, rest, _ := strings.Cut(t, " ")
	return rest != "" && strings.Contains(verbsAbroad, " "+strings.Trim(word, ".,:;*")+" ")
}

// tonguesOf are frequent words by which those languages that are written with spaces are known.
var tonguesOf = []string{
	" der die das und ist nicht ein eine zu mit auf den von für wird werden im ",
	" le les des et une est dans pour avec sur du la en par au ",
	" el los las una por para con que del en la se es al ",
}

// known tells whether headings and orders in a text that is not English mean anything to us: elsewhere only its shape counts.
func known(text string) bool {
	han := 0
	for _, r := range text[:min(len(text), 8000)] {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) {
			han++
		}
	}
	if han >= 40 {
		return true
	}
	counts, others, words := make([]int, len(tonguesOf)), 0, 0
	for w := range strings.FieldsSeq(text) {
		if words++; words > 4000 {
			break
		}
		w = " " + strings.ToLower(strings.Trim(w, ".,:;()*_`\"")) + " "
		hit := false
		for i, t := range tonguesOf {
			if len(w) > 3 && strings.Contains(t, w) {
				counts[i]++
				hit = true
			}
		}
		if !hit && strings.Contains(foreign, w) {
			others++
		}
	}
	best := 0
	for _, n := range counts {
		best = max(best, n)
	}
	return best > others
}
